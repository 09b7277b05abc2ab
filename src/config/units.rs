//! Counts, sizes ("64KiB") and spans of time ("10s") as the files write them.

use std::fmt;
use std::time::Duration;

/// A whole number, not negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Count(pub u64);

/// Bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Size(pub u64);

/// A span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span(pub Duration);

const SIZES: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
const SPANS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Splits "64 KiB" into 64 and "KiB".
fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, unit.trim()))
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*factor)
}

impl Count {
    /// Reads digits.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    pub(super) fn known(text: &str) -> Self {
        Self::parse(text).unwrap_or_default()
    }
}

impl Size {
    /// Reads "64KiB": a whole number and one of B, KiB, MiB, GiB.
    pub fn parse(text: &str) -> Option<Self> {
        scaled(text, &SIZES).map(Self)
    }

    pub(super) fn known(text: &str) -> Self {
        Self::parse(text).unwrap_or_default()
    }

    /// What the writer of a faulty size may have meant: "64k" and "64 KB" are 64KiB.
    pub fn meant(text: &str) -> Option<String> {
        let (number, unit) = number_and_unit(text)?;
        let unit = match unit.to_ascii_lowercase().chars().next() {
            None | Some('b') => "B",
            Some('k') => "KiB",
            Some('m') => "MiB",
            Some('g') => "GiB",
            Some(_) => return None,
        };
        Some(format!("{number}{unit}"))
    }
}

impl Span {
    /// Reads "10s": a whole number and one of ms, s, m, h, d.
    pub fn parse(text: &str) -> Option<Self> {
        scaled(text, &SPANS).map(|millis| Self(Duration::from_millis(millis)))
    }

    pub(super) fn known(text: &str) -> Self {
        Self::parse(text).unwrap_or_default()
    }

    /// What the writer of a faulty span may have meant: "10 sec" is 10s.
    pub fn meant(text: &str) -> Option<String> {
        let (number, unit) = number_and_unit(text)?;
        let unit = match unit.to_ascii_lowercase().as_str() {
            "" | "s" | "sec" | "secs" | "second" | "seconds" => "s",
            "ms" | "msec" | "milliseconds" => "ms",
            "min" | "mins" | "minute" | "minutes" => "m",
            "hr" | "hrs" | "hour" | "hours" => "h",
            "day" | "days" => "d",
            _ => return None,
        };
        Some(format!("{number}{unit}"))
    }
}

// The bounds of a limit keep its value inside the narrower type; outside it is a fault and the settings are not used.
impl From<Count> for u32 {
    fn from(count: Count) -> Self {
        Self::try_from(count.0).unwrap_or(Self::MAX)
    }
}

impl From<Count> for u64 {
    fn from(count: Count) -> Self {
        count.0
    }
}

impl From<Size> for u64 {
    fn from(size: Size) -> Self {
        size.0
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        span.0
    }
}

/// Writes a span as the files would: the largest unit that fits exactly.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        for (unit, factor) in SPANS.iter().rev() {
            if millis >= u128::from(*factor) && millis.is_multiple_of(u128::from(*factor)) {
                return write!(f, "{}{unit}", millis / u128::from(*factor));
            }
        }
        write!(f, "{millis}ms")
    }
}

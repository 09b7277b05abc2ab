//! Dates, times and date-times as spans, and ranges of them (PS3.4 C.2.2.2.5, PS3.5 6.2 VR DA, TM, DT).
//!
//! A value of lower precision means the whole span it names: `1030` is the minute that begins at half past ten.

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A span of microseconds, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub first: i64,
    pub last: i64,
}

/// A range with open ends, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    from: i64,
    until: i64,
}

/// Which of the three representations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Temporal {
    Date,
    Time,
    DateTime,
}

impl Temporal {
    /// Reads one value. `offset` is the minutes from UTC that hold where a date-time states none.
    pub fn value(self, text: &str, offset: i16) -> Option<Span> {
        let text = text.trim_matches(' ').trim_end_matches('\0').trim_end_matches(' ');
        match self {
            Self::Date => date(text),
            Self::Time => time(text),
            Self::DateTime => date_time(text, offset),
        }
    }

    /// Reads a key: one value, or a range whose hyphen stands before, between or behind values.
    pub fn range(self, text: &str, offset: i16) -> Option<Range> {
        let text = text.trim_matches(' ');
        // A date-time may end in a negative offset, which wins over a range that ends before the year 1400.
        if let Some(single) = self.value(text, offset) {
            return Some(Range { from: single.first, until: single.last });
        }
        for (at, _) in text.match_indices('-') {
            let (Some(left), Some(right)) = (text.get(..at), text.get(at + 1..)) else { continue };
            let from = if left.trim().is_empty() { Some(i64::MIN) } else { self.value(left, offset).map(|s| s.first) };
            let until =
                if right.trim().is_empty() { Some(i64::MAX) } else { self.value(right, offset).map(|s| s.last) };
            if let (Some(from), Some(until)) = (from, until)
                && (from, until) != (i64::MIN, i64::MAX)
            {
                return Some(Range { from, until });
            }
        }
        None
    }
}

impl Range {
    /// Whether a value begins within the range.
    pub fn contains(&self, value: Span) -> bool {
        self.from <= value.first && value.first <= self.until
    }

    /// A date range and a time range read as one range of instants (PS3.4 C.2.2.2.5.4): from the first day's first
    /// time until the last day's last time.
    pub fn combined(dates: Self, times: Self) -> Self {
        let from = match (dates.from, times.from) {
            (i64::MIN, _) => i64::MIN,
            (day, i64::MIN) => day,
            (day, time) => day.saturating_add(time),
        };
        let until = match (dates.until, times.until) {
            (i64::MAX, _) => i64::MAX,
            (day, i64::MAX) => day,
            (day, time) => day.saturating_sub(DAY - 1).saturating_add(time),
        };
        Self { from, until }
    }
}

/// A date and a time as one instant.
pub fn instant(date: Span, time: Span) -> Span {
    Span { first: date.first.saturating_add(time.first), last: date.first.saturating_add(time.last) }
}

/// `YYYYMMDD`, or `YYYY.MM.DD` of ACR-NEMA days.
fn date(text: &str) -> Option<Span> {
    let digits: String = match text.len() {
        8 => text.to_owned(),
        10 if text.bytes().enumerate().all(|(at, byte)| (byte == b'.') == (at == 4 || at == 7)) => {
            text.replace('.', "")
        }
        _ => return None,
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut digits = Digits(&digits);
    let first = days(digits.take(4)?, digits.take(2)?, digits.take(2)?)?.checked_mul(DAY)?;
    Some(Span { first, last: first + DAY - 1 })
}

/// `HH[MM[SS[.F{1,6}]]]`, or with colons of ACR-NEMA days.
fn time(text: &str) -> Option<Span> {
    let plain: String;
    let text = if text.contains(':') {
        if !text.split('.').next()?.split(':').all(|part| part.len() == 2) {
            return None;
        }
        plain = text.replace(':', "");
        &plain
    } else {
        text
    };
    clock(text)
}

fn clock(text: &str) -> Option<Span> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    if !whole.bytes().all(|byte| byte.is_ascii_digit()) || !matches!(whole.len(), 2 | 4 | 6) {
        return None;
    }
    let mut digits = Digits(whole);
    let hour = digits.take(2).filter(|&hour| hour < 24)?;
    let mut span = Span { first: hour * HOUR, last: (hour + 1) * HOUR - 1 };
    if let Some(minute) = digits.take(2) {
        let first = span.first + Some(minute).filter(|&minute| minute < 60)? * MINUTE;
        span = Span { first, last: first + MINUTE - 1 };
        if let Some(second) = digits.take(2) {
            // 60 is a leap second.
            let first = span.first + Some(second).filter(|&second| second <= 60)? * SECOND;
            span = Span { first, last: first + SECOND - 1 };
        }
    }
    let Some(fraction) = fraction else { return Some(span) };
    if whole.len() != 6 || !(1..=6).contains(&fraction.len()) || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let unit = 10_i64.pow(6 - u32::try_from(fraction.len()).ok()?);
    let first = span.first + fraction.parse::<i64>().ok()? * unit;
    Some(Span { first, last: first + unit - 1 })
}

/// `YYYY[MM[DD[HH[MM[SS[.F{1,6}]]]]]][+-ZZXX]`.
fn date_time(text: &str, offset: i16) -> Option<Span> {
    let (local, offset) = match text.rfind(['+', '-']) {
        Some(at) => (text.get(..at)?, zone(text.get(at..)?)?),
        None => (text, i64::from(offset)),
    };
    let whole = local.split('.').next()?;
    if !whole.bytes().all(|byte| byte.is_ascii_digit()) || !matches!(whole.len(), 4 | 6 | 8 | 10 | 12 | 14) {
        return None;
    }
    let mut digits = Digits(whole);
    let year = digits.take(4)?;
    let month = digits.take(2);
    let day = digits.take(2);
    let first = days(year, month.unwrap_or(1), day.unwrap_or(1))?.checked_mul(DAY)?;
    let span = match (month, day) {
        (None, _) | (Some(12), None) => Span { first, last: (days(year, 12, 31)? + 1).checked_mul(DAY)? - 1 },
        (Some(month), None) => Span { first, last: days(year, month + 1, 1)?.checked_mul(DAY)? - 1 },
        (Some(_), Some(_)) => Span { first, last: first + DAY - 1 },
    };
    let span = match local.get(8..).filter(|rest| !rest.is_empty()) {
        None if local.len() > 8 => return None,
        None => span,
        Some(rest) => instant(span, clock(rest)?),
    };
    if whole.len() < 8 && local.len() != whole.len() {
        return None;
    }
    let shift = offset * MINUTE;
    Some(Span { first: span.first - shift, last: span.last - shift })
}

/// `+ZZXX` or `-ZZXX`, from -1200 to +1400; minutes.
fn zone(text: &str) -> Option<i64> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let figures = text.get(1..)?;
    if figures.len() != 4 || !figures.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut digits = Digits(figures);
    let (hours, minutes) = (digits.take(2)?, digits.take(2)?);
    let offset = sign * (hours * 60 + minutes);
    (minutes < 60 && (-720..=840).contains(&offset)).then_some(offset)
}

struct Digits<'a>(&'a str);

impl Digits<'_> {
    fn take(&mut self, count: usize) -> Option<i64> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        head.parse().ok()
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let date =
        jiff::civil::Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let epoch = jiff::civil::Date::constant(1970, 1, 1);
    Some(i64::from(date.since(epoch).ok()?.get_days()))
}

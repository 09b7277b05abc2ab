//! Days of which studies are looked at.

use jiff::civil::Date;
use std::fmt;
use std::str::FromStr;

/// How days are written (PS3.5 6.2, DA).
const DAY: &str = "%Y%m%d";

/// From a day to a day, both included, either end open (range matching, PS3.4 C.2.2.2.5.1); the default is all days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dates {
    from: Option<Date>,
    to: Option<Date>,
}

impl FromStr for Dates {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let day = |text: &str| match text {
            "" => Ok(None),
            // Some spell years with fewer digits, or a sign.
            day if day.len() != 8 => Err(format!("`{day}` is no day: write YYYYMMDD")),
            day => Date::strptime(DAY, day).map(Some).map_err(|_| format!("`{day}` is no day: write YYYYMMDD")),
        };
        let (from, to) = match text.split_once('-') {
            Some((from, to)) => (day(from)?, day(to)?),
            None => (day(text)?, day(text)?),
        };
        match (from, to) {
            (None, None) => Err("write YYYYMMDD-YYYYMMDD; one of the two may be left out".to_owned()),
            (Some(from), Some(to)) if from > to => {
                Err(format!("nothing is between: {} is behind {}", from.strftime(DAY), to.strftime(DAY)))
            }
            _ => Ok(Self { from, to }),
        }
    }
}

/// As a query asks for it; empty: any.
impl fmt::Display for Dates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.from.is_none() && self.to.is_none() {
            return Ok(());
        }
        let day = |day: Option<Date>| day.map(|day| day.strftime(DAY).to_string()).unwrap_or_default();
        write!(f, "{}-{}", day(self.from), day(self.to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_they_are_asked_for() {
        for (text, asked) in [
            ("20210101-20211231", "20210101-20211231"),
            ("20210101-", "20210101-"),
            ("-20210101", "-20210101"),
            ("20210101", "20210101-20210101"),
        ] {
            assert_eq!(text.parse::<Dates>().unwrap().to_string(), asked);
        }
        assert_eq!(Dates::default().to_string(), "");
    }

    #[test]
    fn what_are_no_days_is_refused() {
        for text in
            ["", "-", "2020", "foo", "20210101-20200101", "20201301-20211301", "2021-01-01", "20210101-20211231-"]
        {
            assert!(text.parse::<Dates>().is_err(), "{text}");
        }
    }
}

//! Hours of the day, perhaps over midnight.

use jiff::Zoned;
use jiff::civil::Time;
use std::str::FromStr;

/// From one time of the day to another, local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    from: Time,
    until: Time,
}

impl Window {
    /// Whether it is open at a moment.
    pub fn holds(&self, now: &Zoned) -> bool {
        let time = now.time();
        match self.from <= self.until {
            true => (self.from..self.until).contains(&time),
            false => time >= self.from || time < self.until,
        }
    }
}

impl FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write hours as 22:00-05:00".to_owned();
        let time = |text: &str| {
            let (hour, minute) = text.split_once(':')?;
            Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
        };
        let (from, until) = text.split_once('-').ok_or_else(wrong)?;
        Ok(Self { from: time(from).ok_or_else(wrong)?, until: time(until).ok_or_else(wrong)? })
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.from.strftime("%H:%M"), self.until.strftime("%H:%M"))
    }
}

#[cfg(test)]
mod tests {
    use super::Window;

    #[test]
    fn hours_may_go_over_midnight() {
        let at = |time: &str| format!("2026-03-04T{time}[UTC]").parse::<jiff::Zoned>().unwrap();
        let night: Window = "22:00-05:00".parse().unwrap();
        for (time, open) in [("21:59", false), ("22:00", true), ("03:00", true), ("05:00", false), ("12:00", false)] {
            assert_eq!(night.holds(&at(time)), open, "{time}");
        }
        let day: Window = "08:30-17:00".parse().unwrap();
        assert!(day.holds(&at("08:30")) && !day.holds(&at("17:00")) && !day.holds(&at("03:00")));
        assert_eq!(night.to_string(), "22:00-05:00");
        for wrong in ["22-05", "22:00", "25:00-05:00", "", "22:00-05:00-06:00"] {
            assert!(wrong.parse::<Window>().is_err(), "{wrong}");
        }
    }
}

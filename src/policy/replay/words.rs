//! A change in words.

use super::change::{Change, Group};
use std::fmt::Write as _;

/// Names that are spelled out before "and N others".
const SPELLED: usize = 5;

impl Change {
    /// What matters most, in one line: `would refuse 12 of 41,233 operations that were permitted: 9 from MR2, 3 from CT1`.
    pub fn headline(&self) -> String {
        let of = format!("of {} that were permitted", operations(self.passed));
        match self.newly_refused.count {
            0 => format!("would refuse none {of}"),
            refused => format!("would refuse {} {of}: {}", number(refused), self.newly_refused.of_whom()),
        }
    }
}

impl Group {
    /// `9 from MR2, 3 from CT1`, the most first.
    pub fn of_whom(&self) -> String {
        let most = self.most();
        let mut words = String::new();
        for (at, (name, count)) in most.iter().take(SPELLED).enumerate() {
            let _ = write!(words, "{}{} from {name}", if at > 0 { ", " } else { "" }, number(*count));
        }
        if let Some(rest) = most.len().checked_sub(SPELLED).filter(|rest| *rest > 0) {
            let count: u64 = most.iter().skip(SPELLED).map(|(_, count)| count).sum();
            let _ = write!(words, ", {} from {} others", number(count), number(rest as u64));
        }
        words
    }
}

/// `1 operation`, `41,233 operations`.
pub fn operations(count: u64) -> String {
    format!("{} operation{}", number(count), if count == 1 { "" } else { "s" })
}

/// `41,233`
pub fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

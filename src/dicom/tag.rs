//! Data element tags (PS3.5 7.1).

use std::fmt;

/// A data element tag: group and element number, ordered as data sets are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(pub u16, pub u16);

impl Tag {
    /// Group number.
    pub const fn group(self) -> u16 {
        self.0
    }

    /// Element number.
    pub const fn element(self) -> u16 {
        self.1
    }

    /// Odd group numbers are private (PS3.5 7.8).
    pub const fn is_private(self) -> bool {
        self.0 % 2 == 1
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({:04X},{:04X})", self.0, self.1)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

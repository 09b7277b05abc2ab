//! A set of permits.

/// A set of the permits of one [`Narrowing`](super::Narrowing), by their places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Shown(u64);

impl Shown {
    /// No permit: what only these show is not shown.
    pub const NOTHING: Self = Self(0);

    /// The set of this one permit; empty for places beyond [`MOST_PERMITS`](super::MOST_PERMITS).
    pub const fn of(place: usize) -> Self {
        if place < 64 { Self(1 << place) } else { Self::NOTHING }
    }

    /// Whether it is empty.
    pub const fn is_nothing(self) -> bool {
        self.0 == 0
    }

    /// Whether this permit is among them.
    pub const fn has(self, place: usize) -> bool {
        self.0 & Self::of(place).0 != 0
    }

    /// Those of either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The places, ascending.
    pub fn places(self) -> impl Iterator<Item = usize> {
        (0..64).filter(move |place| self.has(*place))
    }
}

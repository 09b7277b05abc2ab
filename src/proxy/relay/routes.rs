//! Which presentation context belongs to which system.

/// Who serves a presentation context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The system with this number among the legs.
    Leg(u8),
    /// The gateway itself.
    Own,
}

/// Which presentation context belongs to which system. Mostly all belong to one.
#[derive(Debug, Clone, Default)]
pub struct Routes(Option<Box<[(u8, Way)]>>);

impl Routes {
    /// Every context belongs to the first leg.
    pub const ONE: Self = Self(None);

    /// As listed, by context id; what is not listed belongs to the first leg.
    pub fn mixed(ways: Vec<(u8, Way)>) -> Self {
        if ways.iter().all(|(_, way)| *way == Way::Leg(0)) {
            return Self::ONE;
        }
        Self(Some(ways.into()))
    }

    /// Who serves the context with this id.
    pub fn of(&self, context: u8) -> Way {
        let ways = self.0.as_deref().unwrap_or_default();
        ways.iter().find(|(id, _)| *id == context).map_or(Way::Leg(0), |(_, way)| *way)
    }
}

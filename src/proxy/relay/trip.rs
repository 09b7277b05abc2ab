//! Tripwires: budgets that are used up.

use super::Relay;
use crate::policy::Narrowing;
use crate::policy::narrow::Shown;
use std::sync::Arc;

impl Relay {
    /// Whose budgets are charged: the person's, or the peer's where there is none.
    pub(super) fn subject(&self) -> Arc<str> {
        match &self.principal.user {
            Some(user) => format!("user:{}", user.name).into(),
            None => format!("peer:{}", self.principal.name).into(),
        }
    }

    /// Budgets are used up: what the caller is told.
    pub(super) fn blown(&mut self, _narrowing: &Narrowing, _blown: Shown) -> String {
        "as much has been shown as may be for now".to_owned()
    }
}

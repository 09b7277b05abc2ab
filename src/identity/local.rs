//! Names and passcodes against local accounts (`[users.local]`). It never keeps a passcode.

use super::people::{Refused, Where};
use crate::config::users::LocalAccounts;
use crate::config::{Limits, Users};
use crate::policy::User;

/// People of `[users.local]`.
#[derive(Debug)]
pub struct Local;

impl Local {
    /// Takes the settings; what `before` has learned goes on.
    ///
    /// # Errors
    /// What is wrong, in one sentence.
    pub fn new(_: &LocalAccounts, _: &Users, _: &Limits, before: Option<&Self>) -> Result<Self, String> {
        let _ = before;
        Ok(Self)
    }

    /// Whether there is an account of this name.
    pub const fn knows(&self, name: &str) -> bool {
        let _ = name;
        false
    }

    /// Checks a passcode.
    ///
    /// # Errors
    /// Why not.
    #[expect(clippy::unused_async, reason = "the source will be asked")]
    pub async fn authenticate(&self, name: &str, passcode: &[u8], at: &Where<'_>) -> Result<User, Refused> {
        let _ = (passcode, at);
        Err(Refused::denied("[users.local] is not asked yet").tried(name))
    }
}

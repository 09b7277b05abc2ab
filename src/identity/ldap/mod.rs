//! Names and passcodes against a directory (`[users.ldap]`). It never keeps a passcode.

use super::people::{Refused, Where};
use crate::config::users::Ldap as LdapSettings;
use crate::config::{Limits, Users};
use crate::policy::User;

/// People of `[users.ldap]`.
#[derive(Debug)]
pub struct Ldap;

impl Ldap {
    /// Takes the settings; what `before` has learned goes on.
    ///
    /// # Errors
    /// What is wrong, in one sentence.
    pub fn new(_: &LdapSettings, _: &Users, _: &Limits, before: Option<&Self>) -> Result<Self, String> {
        let _ = before;
        Ok(Self)
    }

    /// Checks a passcode.
    ///
    /// # Errors
    /// Why not.
    #[expect(clippy::unused_async, reason = "the source will be asked")]
    pub async fn authenticate(&self, name: &str, passcode: &[u8], at: &Where<'_>) -> Result<User, Refused> {
        let _ = (passcode, at);
        Err(Refused::denied("[users.ldap] is not asked yet").tried(name))
    }
}

//! A person, as an identity source vouched for them.

use std::collections::BTreeMap;

/// A person who is known to be there: what rules, values of rules (`{user.x}`, `{claim.x}`) and records may say of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct User {
    /// What rules (`user:NAME`) and records call them. Never empty, at most 256 characters, none of them a control.
    pub name: String,
    /// Who vouched: the issuer of a token, `local`, `ldap`, or `device` where only a device's word stands for it.
    pub source: String,
    /// Roles that rules name, sorted.
    pub roles: Vec<String>,
    /// `{user.x}`: what the archive calls them, by the name of the attribute; each has one or several values.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// `{claim.x}`: text claims of a token, by their path (`address.locality`).
    pub claims: BTreeMap<String, Vec<String>>,
    /// When access ends, seconds since 1970: the token's `exp` or `max_session`, whichever comes first.
    pub until: i64,
    /// They asked for emergency access: only then rules with `break_glass` can hold.
    pub emergency: bool,
}

impl User {
    /// Who she is for what must hold whichever source vouches (quarantine, budgets): her name without case, for sources
    /// write one name in several ways. Rules compare names as they are.
    pub fn key(&self) -> String {
        self.name.to_lowercase()
    }

    /// Values of `{user.x}` or `{claim.x}`, by what stands between the braces.
    pub fn values(&self, name: &str) -> &[String] {
        let found = match name.split_once('.') {
            Some(("user", "name")) => return std::slice::from_ref(&self.name),
            Some(("user", attribute)) => self.attributes.get(attribute),
            Some(("claim", path)) => self.claims.get(path),
            _ => None,
        };
        found.map_or(&[], Vec::as_slice)
    }
}

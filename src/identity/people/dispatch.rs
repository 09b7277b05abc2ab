//! From the type of a user identity to the source that can say who it is.

use super::attributes::complete;
use super::{People, Refused, Where};
use crate::dicom::pdu::UserIdentity;
use crate::identity::ldap::Ldap;
use crate::identity::local::Local;
use crate::identity::oidc;
use crate::policy::User;
use std::time::Instant;

impl People {
    /// Says who a person is. The caller answers every refusal at the same moment ([`People::answer_after`]).
    ///
    /// # Errors
    /// [`Refused::Denied`] for whatever does not prove who somebody is, [`Refused::Away`] where whoever could say so does
    /// not answer.
    pub async fn authenticate(&self, offered: &UserIdentity, at: Where<'_>) -> Result<User, Refused> {
        let user = match offered.kind {
            1 => named(offered, &at)?,
            2 => {
                secret(&at)?;
                self.passcode(offered, &at).await?
            }
            5 => {
                secret(&at)?;
                self.token(offered, &at).await?
            }
            kind => {
                return Err(Refused::denied(format!(
                    "user identity of type {kind}: only 1 (name), 2 (name and passcode) and 5 (token) are known"
                )));
            }
        };
        complete(user, &self.users, &self.limits, &at)
    }

    async fn passcode(&self, offered: &UserIdentity, at: &Where<'_>) -> Result<User, Refused> {
        let name = name(offered)?;
        let passcode = offered.secondary.as_slice();
        match (&self.local, &self.ldap) {
            (Some(local), Some(ldap)) => both(local, ldap, name, passcode, at).await,
            (Some(local), None) => local.authenticate(name, passcode, at).await,
            (None, Some(ldap)) => ldap.authenticate(name, passcode, at).await,
            (None, None) => {
                Err(Refused::denied("a name and passcode, and there is neither [users.local] nor [users.ldap]"))
            }
        }
    }

    async fn token(&self, offered: &UserIdentity, at: &Where<'_>) -> Result<User, Refused> {
        if self.oidc.is_empty() {
            return Err(Refused::denied("a token, and there is no [[users.oidc]]"));
        }
        if !offered.secondary.is_empty() {
            return Err(Refused::denied("a user identity of type 5 with a passcode"));
        }
        oidc::person(&self.oidc, &offered.primary, self.limits.token, at.now, Instant::now()).await
    }
}

/// Who has a local account is asked there alone: a directory must not open an account that was closed here. Nobody else
/// is to learn who has one, so whatever the name is, a passcode is computed first, and unless it opens a local account
/// the directory is gone through: one that is slow or away is so for all names.
async fn both(local: &Local, ldap: &Ldap, name: &str, passcode: &[u8], at: &Where<'_>) -> Result<User, Refused> {
    if local.knows(name) {
        let own = local.authenticate(name, passcode, at).await;
        let Err(Refused::Denied(why)) = &own else { return own };
        return match ldap.pretend(name, at).await {
            Ok(()) => own,
            Err(away) => Err(Refused::away(format!("{why}; {away}")).tried(name)),
        };
    }
    local.pretend(name, passcode).await?;
    let user = ldap.authenticate(name, passcode, at).await?;
    // The directory tells neither case nor all spellings apart, and says the name as it writes it.
    if local.knows_like(&user.name) {
        let words = "the directory knows the name in another spelling as one that has a local account";
        return Err(Refused::denied(words).tried(name));
    }
    Ok(user)
}

/// Secrets are looked at only where they came over TLS: otherwise everybody on the way has them too.
fn secret(at: &Where<'_>) -> Result<(), Refused> {
    match at.tls {
        true => Ok(()),
        false => Err(Refused::denied("a passcode or token came without TLS: it is known to everybody on the way")),
    }
}

/// Type 1: a name without any proof, believed only from a device whose certificate and `[[peer]]` speak for it.
fn named(offered: &UserIdentity, at: &Where<'_>) -> Result<User, Refused> {
    if !at.mutual || !at.username_only {
        return Err(Refused::denied(
            "a user name without proof: only a peer with a certificate and `username_only = true` may name users",
        ));
    }
    let name = name(offered)?;
    if !offered.secondary.is_empty() {
        return Err(Refused::denied("a user identity of type 1 with a passcode"));
    }
    Ok(User { name: name.to_owned(), source: "device".to_owned(), until: i64::MAX, ..User::default() })
}

/// A user name as text. Blanks around it are padding.
fn name(offered: &UserIdentity) -> Result<&str, Refused> {
    let name = std::str::from_utf8(&offered.primary).map_err(|_| Refused::denied("the user name is not UTF-8 text"))?;
    Ok(name.trim_matches(' '))
}

#[cfg(test)]
mod tests;

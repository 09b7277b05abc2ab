//! Local accounts: `users.toml`, Argon2id, lockout with backoff.
//!
//! Every check costs one Argon2id computation, whether or not the name exists, is disabled or is locked, and its
//! outcome is judged only afterwards: neither work nor answer tells one refusal from another. Names are compared byte
//! for byte. It never waits until a refusal may be answered: the front does, for all refusals alike.

pub mod guard;
pub mod hash;
pub mod lockout;

use super::people::{Refused, Where};
use crate::config::users::LocalAccounts;
use crate::config::{Account, Limits, PasswordHash, Users};
use crate::policy::User;
use crate::state::{State, StateFault};
use guard::Guard;
use hash::{HashFault, Hasher};
use lockout::{LockoutLimits, Subject, Verdict};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What records call this source.
pub const SOURCE: &str = "local";

/// What a reload keeps.
#[derive(Debug)]
struct Kept {
    /// Where passcodes are checked.
    hasher: Hasher,
    /// Wrong passcodes so far.
    guard: Guard,
}

/// Why somebody is not let in, in words for the record. The caller is never told which.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum LocalRefusal {
    /// No such account.
    #[error("there is no local account of that name")]
    Unknown,
    /// The account cannot be used.
    #[error("the local account is disabled")]
    Disabled,
    /// Another passcode, so many times in a row by now.
    #[error("wrong passcode of a local account, {0} in a row")]
    Wrong(u32),
    /// Too many failures before this one.
    #[error("the name is locked for {0} seconds more, after too many wrong passcodes")]
    Locked(i64),
    /// It could not be checked now.
    #[error(transparent)]
    Away(#[from] HashFault),
    /// How often it was tried cannot be told now.
    #[error("wrong passcodes cannot be counted now: {0}")]
    Uncounted(#[from] StateFault),
}

/// People of `[users.local]`.
#[derive(Debug)]
pub struct Local {
    accounts: HashMap<String, Account>,
    /// Their names without case.
    folded: HashSet<String>,
    /// What names are checked against that do not exist.
    nobody: PasswordHash,
    limits: LockoutLimits,
    kept: Arc<Kept>,
}

impl Local {
    /// Takes the accounts; failures that `before` has counted, and the checks under way there, go on.
    ///
    /// # Errors
    /// What is wrong, in one sentence.
    pub fn new(accounts: &LocalAccounts, _: &Users, limits: &Limits, before: Option<&Self>) -> Result<Self, String> {
        let kept = match before {
            Some(before) => Arc::clone(&before.kept),
            None => Arc::new(Kept {
                hasher: Hasher::new(limits.password_checks, limits.password_checks_waiting),
                guard: Guard::default(),
            }),
        };
        Ok(Self::with(&accounts.accounts, LockoutLimits::from(limits), kept))
    }

    fn with(accounts: &[Account], limits: LockoutLimits, kept: Arc<Kept>) -> Self {
        Self {
            nobody: hash::nobody(accounts.iter().map(|account| &account.password)),
            folded: accounts.iter().map(|account| account.name.to_lowercase()).collect(),
            accounts: accounts.iter().map(|account| (account.name.clone(), account.clone())).collect(),
            limits,
            kept,
        }
    }

    /// Checks a passcode: one computation, whatever the outcome.
    ///
    /// # Errors
    /// Why not.
    pub async fn authenticate(&self, name: &str, passcode: &[u8], at: &Where<'_>) -> Result<User, Refused> {
        self.check(name, passcode, at.now).await.map_err(|refusal| match refusal {
            LocalRefusal::Away(_) | LocalRefusal::Uncounted(_) => Refused::away(refusal.to_string()).tried(name),
            refusal => Refused::denied(refusal.to_string()).tried(name),
        })
    }

    async fn check(&self, name: &str, passcode: &[u8], now: i64) -> Result<User, LocalRefusal> {
        let account = self.accounts.get(name);
        let against = account.map_or(&self.nobody, |account| &account.password);
        let fits = self.kept.hasher.fits(against, passcode).await?;
        let welcome = account.filter(|account| fits && !passcode.is_empty() && !account.disabled);
        // Judged after the work, in one step: of many guesses at once no more count than one after the other.
        let subject = Subject::of(SOURCE, name.as_bytes());
        let verdict = self.kept.guard.judge(subject, welcome.is_some(), &self.limits, now).await?;
        match (verdict, account, welcome) {
            (Verdict::Locked(until), ..) => Err(LocalRefusal::Locked(until.saturating_sub(now))),
            (Verdict::Clear, _, Some(account)) => Ok(user(account)),
            (_, None, _) => Err(LocalRefusal::Unknown),
            (_, Some(account), _) if account.disabled => Err(LocalRefusal::Disabled),
            (Verdict::Failed(failures), ..) => Err(LocalRefusal::Wrong(failures)),
            (Verdict::Clear, ..) => Err(LocalRefusal::Wrong(0)),
        }
    }

    /// The work of a check, for a name that another source is asked for: nobody is let in.
    ///
    /// # Errors
    /// It cannot be done now.
    pub async fn pretend(&self, name: &str, passcode: &[u8]) -> Result<(), Refused> {
        let done = self.kept.hasher.fits(&self.nobody, passcode).await;
        done.map(drop).map_err(|fault| Refused::away(LocalRefusal::Away(fault).to_string()).tried(name))
    }

    /// From now on wrong passcodes are counted in the state.
    pub(super) fn share(&self, state: &State) {
        self.kept.guard.share(state);
    }

    /// Whether there is an account of this name, usable or not: no other source is asked for it.
    pub fn knows(&self, name: &str) -> bool {
        self.accounts.contains_key(name)
    }

    /// How many hashes have been computed so far.
    #[cfg(test)]
    pub(super) fn computed(&self) -> u64 {
        self.kept.hasher.computed()
    }

    /// Whether there is an account of this name but for case.
    pub fn knows_like(&self, name: &str) -> bool {
        self.folded.contains(&name.to_lowercase())
    }

    /// The person as this configuration knows them, for whoever was let in under an earlier one: name, roles and
    /// attributes.
    ///
    /// # Errors
    /// Why access ends, in words for the record.
    pub fn again(&self, before: Option<&Self>, person: &User) -> Result<User, &'static str> {
        let Some(account) = self.accounts.get(&person.name) else { return Err("the local account is gone") };
        if account.disabled {
            return Err("the local account has been disabled");
        }
        let known = before.and_then(|before| before.accounts.get(&person.name));
        if known.is_some_and(|known| known.password != account.password) {
            return Err("the passcode of the local account has been changed");
        }
        Ok(user(account))
    }
}

/// Access ends by `max_session` alone.
fn user(account: &Account) -> User {
    User {
        name: account.name.clone(),
        source: SOURCE.to_owned(),
        roles: account.roles.clone(),
        attributes: account.attributes.clone(),
        until: i64::MAX,
        ..User::default()
    }
}

#[cfg(test)]
mod tests;

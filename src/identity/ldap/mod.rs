//! LDAP and Active Directory (`[users.ldap]`): the gateway looks a person up under a name of its own, then binds as her
//! with the passcode; groups become roles.
//!
//! Only over TLS that names the directory; referrals are not followed; one person's login is bounded in time and size. A
//! name that is not there costs the same round trips as one that is. It never keeps a passcode, and never binds with an
//! empty one: a directory takes that for nobody in particular and says yes (RFC 4513 5.1.2).

mod link;
mod login;
mod names;

use super::local::guard::Guard;
use super::local::lockout::{LockoutLimits, Subject, Verdict};
use super::people::{Refused, Where, is_word, roots};
use crate::config::users::Ldap as LdapSettings;
use crate::config::{Limits, Users};
use crate::policy::User;
use crate::state::{State, StateFault};
use link::Limit;
use login::{Login, LoginFault};
use rustls::ClientConfig;
use std::sync::Arc;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// What records call this source.
pub const SOURCE: &str = "ldap";

/// The longest file of a password, bytes.
const PASSWORD: usize = 4096;

/// People of `[users.ldap]`.
#[derive(Debug)]
pub struct Ldap {
    settings: Arc<LdapSettings>,
    password: Arc<Secret>,
    tls: Arc<ClientConfig>,
    limit: Limit,
    lockout: LockoutLimits,
    guard: Arc<Guard>,
    connections: Arc<Semaphore>,
}

/// The password of `bind_dn`; it never prints.
struct Secret(Zeroizing<String>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

impl Ldap {
    /// Takes the settings; wrong passcodes that `before` has counted go on.
    ///
    /// # Errors
    /// What is wrong, in one sentence.
    pub fn new(settings: &LdapSettings, _: &Users, limits: &Limits, before: Option<&Self>) -> Result<Self, String> {
        let most = |count: u32| usize::try_from(count).unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS);
        let connections = Arc::new(Semaphore::new(most(limits.ldap_connections)));
        if names::compared(&settings.user_filter).is_empty() {
            return Err(
                "`user_filter` compares no attribute with the whole name, so that nobody knows what somebody is \
                        called: write \"(uid={user})\""
                    .to_owned(),
            );
        }
        Ok(Self {
            settings: Arc::new(settings.clone()),
            password: Arc::new(password(&settings.password_file)?),
            tls: roots::client(&roots::of(settings.ca.as_deref())?)?,
            limit: Limit {
                wait: limits.provider_wait,
                bytes: usize::try_from(limits.ldap_answer).unwrap_or(usize::MAX),
                values: usize::try_from(limits.user_values).unwrap_or(usize::MAX),
            },
            lockout: LockoutLimits::from(limits),
            guard: before.map(|before| Arc::clone(&before.guard)).unwrap_or_default(),
            connections,
        })
    }

    /// From now on wrong passcodes are counted in the state.
    pub(super) fn share(&self, state: &State) {
        self.guard.share(state);
    }

    /// Checks a passcode: the same round trips, whatever the outcome.
    ///
    /// # Errors
    /// Why not.
    pub async fn authenticate(&self, name: &str, passcode: &[u8], at: &Where<'_>) -> Result<User, Refused> {
        self.check(name, passcode, at.now).await.map_err(|refused| refused.tried(name))
    }

    /// The same round trips as for a name that is locked, for one that another source has refused already: nothing of
    /// its passcode goes on to the directory, and nothing is counted.
    ///
    /// # Errors
    /// [`Refused::Away`] where the directory, or what counts wrong passcodes, does not answer.
    pub async fn pretend(&self, name: &str, at: &Where<'_>) -> Result<(), Refused> {
        self.locked(name, at.now).await.map_err(|refused| refused.tried(name))?;
        match self.run(self.login(name, None)).await {
            Err(LoginFault::Away(words)) => Err(Refused::away(words).tried(name)),
            _ => Ok(()),
        }
    }

    /// Until when the name is locked here.
    async fn locked(&self, name: &str, now: i64) -> Result<Option<i64>, Refused> {
        self.guard.locked_until(subject(name), &self.lockout, now).await.map_err(uncounted)
    }

    fn login(&self, name: &str, passcode: Option<&str>) -> Login {
        Login {
            settings: Arc::clone(&self.settings),
            name: name.to_owned(),
            passcode: passcode.map(|passcode| Zeroizing::new(passcode.to_owned())),
            own: Arc::clone(&self.password),
            tls: Arc::clone(&self.tls),
            limit: self.limit,
        }
    }

    async fn check(&self, name: &str, passcode: &[u8], now: i64) -> Result<User, Refused> {
        if !is_word(name) {
            return Err(Refused::denied("the user name is empty, longer than 256 characters or not printable"));
        }
        let locked = self.locked(name, now).await?;
        let passcode = std::str::from_utf8(passcode).ok().filter(|passcode| !passcode.is_empty());
        // Nobody's guess goes on to the directory while the name is locked: it would lock the account there too.
        let login = self.login(name, passcode.filter(|_| locked.is_none()));
        let found = match self.run(login).await {
            Err(LoginFault::Away(words)) => return Err(Refused::away(words)),
            outcome => outcome,
        };
        match self.guard.judge(subject(name), found.is_ok(), &self.lockout, now).await.map_err(uncounted)? {
            Verdict::Locked(until) => {
                let left = until.saturating_sub(now);
                Err(Refused::denied(format!(
                    "the name is locked for {left} seconds more, after too many wrong passcodes"
                )))
            }
            verdict => found.map_err(|fault| match verdict {
                Verdict::Failed(failures) => Refused::denied(format!("{fault}, {failures} in a row")),
                _ => Refused::denied(fault.to_string()),
            }),
        }
    }

    /// On a task of its own: what a directory answers is read by a library that may panic.
    async fn run(&self, login: Login) -> Result<User, LoginFault> {
        let wait = self.limit.wait;
        let away = |words: &str| LoginFault::Away(format!("the directory: {words}"));
        let asked = async {
            let place = Arc::clone(&self.connections).acquire_owned().await.map_err(|_| away("closed"))?;
            let mut task = tokio::task::JoinSet::new();
            task.spawn(async move {
                let outcome = login.run().await;
                drop(place);
                outcome
            });
            match task.join_next().await {
                Some(Ok(outcome)) => outcome,
                _ => Err(away("what it answers cannot be read")),
            }
        };
        tokio::time::timeout(wait, asked).await.unwrap_or_else(|_| Err(away("no answer within `provider_wait`")))
    }
}

/// A directory does not tell upper from lower case, so neither does the count.
fn subject(name: &str) -> Subject {
    Subject::of(SOURCE, name.trim().to_lowercase().as_bytes())
}

fn uncounted(fault: StateFault) -> Refused {
    Refused::away(format!("wrong passcodes cannot be counted now: {fault}"))
}

fn password(file: &std::path::Path) -> Result<Secret, String> {
    let shown = file.display();
    let bytes = Zeroizing::new(std::fs::read(file).map_err(|fault| format!("`{shown}`: {fault}"))?);
    if bytes.len() > PASSWORD {
        return Err(format!("`{shown}` is longer than a password"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| format!("`{shown}` is not UTF-8 text"))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(format!("`{shown}` is empty: a directory would take that for nobody in particular"));
    }
    Ok(Secret(Zeroizing::new(text.to_owned())))
}

#[cfg(test)]
mod tests;

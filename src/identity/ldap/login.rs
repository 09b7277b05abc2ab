//! One login: bind as the gateway, look for the person, look for her groups, bind as her.

use super::link::{Limit, Link, open};
use super::names::{canonical, compared, domain, filled, normal, spells};
use super::{SOURCE, Secret};
use crate::config::users::{Ldap as LdapSettings, LdapGroups};
use crate::policy::User;
use ldap3::{DerefAliases, LdapError, LdapResult, Scope, SearchEntry, SearchOptions};
use ring::rand::SecureRandom as _;
use rustls::ClientConfig;
use std::collections::HashSet;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Result codes (RFC 4511 4.1.9).
const SUCCESS: u32 = 0;
const SIZE_LIMIT: u32 = 4;
const NO_SUCH_OBJECT: u32 = 32;
const BUSY: u32 = 51;
const UNAVAILABLE: u32 = 52;
/// No attributes at all (RFC 4511 4.5.1.8).
const NOTHING: &str = "1.1";
/// Groups of one person that are read.
const GROUPS: i32 = 4096;

/// Why a login fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum LoginFault {
    /// It was not she, in words.
    #[error("{0}")]
    Denied(&'static str),
    /// The directory refuses the passcode.
    #[error("the directory refuses the passcode (result {0})")]
    Refused(u32),
    /// The directory does not say.
    #[error("{0}")]
    Away(String),
}

/// What a login takes.
pub(super) struct Login {
    pub(super) settings: Arc<LdapSettings>,
    pub(super) name: String,
    /// `None`: whatever it was, it shall not fit.
    pub(super) passcode: Option<Zeroizing<String>>,
    pub(super) own: Arc<Secret>,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) limit: Limit,
}

fn away(fault: &LdapError) -> LoginFault {
    LoginFault::Away(format!("the directory: {fault}"))
}

impl Login {
    /// Who it is. The same questions are asked whether or not the person is there.
    pub(super) async fn run(self) -> Result<User, LoginFault> {
        let mut link = open(&self.settings, &self.tls, self.limit).await?;
        let bound = link.ldap.simple_bind(&self.settings.bind_dn, &self.own.0).await.map_err(|fault| away(&fault))?;
        if bound.rc != SUCCESS {
            return Err(LoginFault::Away(format!("the directory does not take `bind_dn` (result {})", bound.rc)));
        }
        let found = self.find(&mut link).await?;
        let nobody = format!("cn={},{}", unheard_of(), self.settings.base);
        let dn = found.as_ref().map_or(nobody.as_str(), |entry| entry.dn.as_str());
        let groups = self.groups(&mut link, found.as_ref().ok(), dn).await?;
        // An empty passcode is none: it would succeed for anybody.
        let (dn, passcode) = match &self.passcode {
            Some(passcode) if !passcode.is_empty() => (dn, passcode.as_str()),
            _ => (nobody.as_str(), "-"),
        };
        let bound = link.ldap.simple_bind(dn, passcode).await.map_err(|fault| away(&fault))?;
        let _ = link.ldap.unbind().await;
        let entry = found?;
        if self.passcode.is_none() {
            return Err(LoginFault::Denied("a login without a passcode that may be tried"));
        }
        match bound.rc {
            SUCCESS => self.user(&entry, &groups),
            BUSY | UNAVAILABLE => Err(LoginFault::Away(format!("the directory is busy (result {})", bound.rc))),
            refused => Err(LoginFault::Refused(refused)),
        }
    }

    /// The one entry of the person.
    async fn find(&self, link: &mut Link) -> Result<Result<SearchEntry, LoginFault>, LoginFault> {
        let compared = compared(&self.settings.user_filter);
        let mut wanted: Vec<&str> = compared.iter().map(|(attribute, _)| *attribute).collect();
        if let LdapGroups::Attribute(groups) = &self.settings.groups {
            wanted.push(groups);
        }
        if wanted.is_empty() {
            wanted.push(NOTHING);
        }
        let filter = filled(&self.settings.user_filter, &self.name, "");
        let (mut entries, result) = self.search(link, &self.settings.base, &filter, wanted, 2).await?;
        Ok(match (entries.pop(), entries.is_empty(), result.rc) {
            (_, _, SIZE_LIMIT) | (Some(_), false, _) => {
                Err(LoginFault::Denied("the name is that of several people in the directory"))
            }
            (Some(entry), true, SUCCESS) if !entry.dn.is_empty() => {
                // Before anything is tried: a spelling that nobody counts must not be one to guess by.
                match compared.iter().any(|(name, pattern)| spells(values(&entry, name), pattern, &self.name)) {
                    true => Ok(entry),
                    false => Err(LoginFault::Denied("the directory writes the name in another way")),
                }
            }
            (None, _, SUCCESS | NO_SUCH_OBJECT) => Err(LoginFault::Denied("the directory knows nobody of that name")),
            (.., code) => {
                return Err(LoginFault::Away(format!("the directory does not say who that is (result {code})")));
            }
        })
    }

    /// The names of the person's groups.
    async fn groups(&self, link: &mut Link, entry: Option<&SearchEntry>, dn: &str) -> Result<Vec<String>, LoginFault> {
        match &self.settings.groups {
            LdapGroups::Attribute(name) => Ok(entry.map(|entry| values(entry, name).to_vec()).unwrap_or_default()),
            LdapGroups::Filter(filter) => {
                let filter = filled(filter, &self.name, dn);
                let below = domain(&self.settings.base);
                let (entries, result) = self.search(link, below, &filter, vec![NOTHING], GROUPS).await?;
                match result.rc {
                    SUCCESS | NO_SUCH_OBJECT => Ok(entries.into_iter().map(|entry| entry.dn).collect()),
                    code => {
                        Err(LoginFault::Away(format!("the directory does not say who is in a group (result {code})")))
                    }
                }
            }
        }
    }

    async fn search(
        &self,
        link: &mut Link,
        below: &str,
        filter: &str,
        wanted: Vec<&str>,
        most: i32,
    ) -> Result<(Vec<SearchEntry>, LdapResult), LoginFault> {
        let seconds = i32::try_from(self.limit.wait.as_secs().max(1)).unwrap_or(i32::MAX);
        let options = SearchOptions::new().deref(DerefAliases::Never).sizelimit(most).timelimit(seconds);
        let asked = link.ldap.with_search_options(options).search(below, Scope::Subtree, filter, wanted);
        let found = asked.await.map_err(|fault| away(&fault))?;
        // A referral is somebody else's directory.
        let entries = found.0.into_iter().filter(|entry| !entry.is_ref() && !entry.is_intermediate());
        Ok((entries.map(SearchEntry::construct).collect(), found.1))
    }

    fn user(&self, entry: &SearchEntry, groups: &[String]) -> Result<User, LoginFault> {
        let named = compared(&self.settings.user_filter);
        let name = named.first().and_then(|(attribute, _)| canonical(values(entry, attribute), &self.name));
        let name =
            name.ok_or(LoginFault::Denied("the entry in the directory does not say the name by which it was found"))?;
        let member: HashSet<String> = groups.iter().map(|group| normal(group)).collect();
        let held = self.settings.roles.iter().filter(|(group, _)| member.contains(&normal(group)));
        let mut roles: Vec<String> = held.flat_map(|(_, roles)| roles).cloned().collect();
        roles.sort_unstable();
        roles.dedup();
        if roles.len() > self.limit.values.max(1) * 64 {
            return Err(LoginFault::Denied("the person has more roles than are taken"));
        }
        Ok(User { name: name.to_owned(), source: SOURCE.to_owned(), roles, until: i64::MAX, ..User::default() })
    }
}

/// The values of an attribute, whatever the case of its name.
fn values<'e>(entry: &'e SearchEntry, name: &str) -> &'e [String] {
    let found = entry.attrs.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map_or(&[], |(_, values)| values.as_slice())
}

/// A name that nobody has.
fn unheard_of() -> String {
    let mut bytes = [0; 12];
    // Without random numbers the name is still one that nobody has.
    let _ = ring::rand::SystemRandom::new().fill(&mut bytes);
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("nobody-{hex}")
}

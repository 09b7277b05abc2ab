//! Who a person is: User Identity Negotiation (PS3.7 D.3.3.7) to a [`User`] that a source vouches for.
//!
//! Types 1 (only where a certificate and the policy allow it), 2 (local accounts, then the directory) and 5 (tokens); all
//! others are refused. It never decides what a person may do, never tells the caller what was wrong, and never lets a
//! passcode or token into a word, a record or a log line.

mod again;
mod attributes;
mod dispatch;
mod refused;
pub mod roots;

pub(in crate::identity) use attributes::is_word;
pub use refused::{Refused, Why};

use super::ldap::Ldap;
use super::local::Local;
use super::oidc::Oidc;
use crate::config::{Limits, Settings, Users};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Where a user identity was offered: what the transport and the policy said before.
#[derive(Debug, Clone, Copy)]
pub struct Where<'a> {
    /// The peer, as rules name it.
    pub peer: &'a str,
    /// The calling address.
    pub from: IpAddr,
    /// TLS was spoken: without it no secret is looked at.
    pub tls: bool,
    /// A client certificate was verified and is the peer's.
    pub mutual: bool,
    /// The peer may name users without proof: `username_only` of `[[peer]]`.
    pub username_only: bool,
    /// The calling title is among the peer's `emergency_titles`, shown by its certificate.
    pub emergency: bool,
    /// Seconds since 1970.
    pub now: i64,
}

/// Everybody who can say who a person is. Made anew at each reload; keys of providers, and what else takes time to learn,
/// are kept.
#[derive(Debug)]
pub struct People {
    users: Users,
    limits: Limits,
    oidc: Vec<Arc<Oidc>>,
    local: Option<Local>,
    ldap: Option<Ldap>,
}

impl People {
    /// Opens the sources of `[users]`; without that table nobody is known. `before`: the people until now, whose keys and
    /// lockouts go on.
    ///
    /// # Errors
    /// Everything that is wrong, one sentence each.
    pub fn new(settings: &Settings, before: Option<&Self>) -> Result<Option<Self>, Vec<String>> {
        let Some(users) = &settings.users else { return Ok(None) };
        let mut faults = Vec::new();
        let mut oidc = Vec::with_capacity(users.oidc.len());
        for provider in &users.oidc {
            let known = before.into_iter().flat_map(|before| &before.oidc).find(|known| known.is(provider));
            match Oidc::new(provider, users, &settings.limits, known.map(AsRef::as_ref)) {
                Ok(made) => oidc.push(Arc::new(made)),
                Err(fault) => faults.push(format!("[[users.oidc]] `{}`: {fault}", provider.issuer)),
            }
        }
        let mut local = None;
        if let Some(accounts) = &users.local {
            match Local::new(accounts, users, &settings.limits, before.and_then(|before| before.local.as_ref())) {
                Ok(made) => local = Some(made),
                Err(fault) => faults.push(format!("[users.local]: {fault}")),
            }
        }
        let mut ldap = None;
        if let Some(directory) = &users.ldap {
            match Ldap::new(directory, users, &settings.limits, before.and_then(|before| before.ldap.as_ref())) {
                Ok(made) => ldap = Some(made),
                Err(fault) => faults.push(format!("[users.ldap]: {fault}")),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Some(Self { users: users.clone(), limits: settings.limits.clone(), oidc, local, ldap }))
    }

    /// The moment, counted from the association request, at which every refused identity is answered.
    pub const fn answer_after(&self) -> Duration {
        self.users.answer_after
    }

    /// Keeps the keys of all providers fresh, for as long as it is polled.
    pub async fn keep(&self) {
        let mut keepers = JoinSet::new();
        for provider in &self.oidc {
            let provider = Arc::clone(provider);
            keepers.spawn(async move { provider.keep().await });
        }
        while keepers.join_next().await.is_some() {}
        // Without providers there is nothing to keep, and whoever polls this does so until the next reload.
        std::future::pending::<()>().await;
    }

    /// The issuers of all providers, and whether each answered when it was asked last.
    pub fn providers(&self) -> impl Iterator<Item = (&str, bool)> {
        self.oidc.iter().map(|provider| (provider.issuer(), provider.is_up()))
    }

    /// Providers that did not answer when they were asked last, in words for `/ready`.
    pub fn away(&self) -> Vec<String> {
        let away = |provider: &Arc<Oidc>| {
            provider.away().map(|words| format!("identity provider `{}` is away: {words}", provider.issuer()))
        };
        self.oidc.iter().filter_map(away).collect()
    }
}

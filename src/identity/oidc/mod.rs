//! OpenID Connect (OpenID Connect Core 1.0, Discovery 1.0; RFC 7517, 7519, 8725): tokens of a provider to persons.
//!
//! It never follows a redirect or an address out of a token, never accepts a token without a signature of a key that the
//! provider publishes, and never keeps a token.

mod base64;
mod cache;
mod claims;
mod fault;
mod json;
mod keys;
mod provider;
mod token;

use self::cache::{Cache, Reason};
use self::fault::{TokenFault, shown};
use self::token::Token;
use super::people::{Refused, roots};
use crate::config::users::OidcProvider;
use crate::config::{Limits, Users};
use crate::policy::User;
use rustls::ClientConfig;
use rustls_pki_types::CertificateDer;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a provider that is away is asked in the background.
const AWAY: Duration = Duration::from_secs(30);

/// One provider, with what is known of its keys.
#[derive(Debug)]
pub struct Oidc {
    provider: OidcProvider,
    users: Users,
    limits: Limits,
    tls: Arc<ClientConfig>,
    /// Who vouches for it.
    roots: Vec<CertificateDer<'static>>,
    cache: Arc<Cache>,
}

impl Oidc {
    /// Takes the settings; keys that `before` has learned from the same provider go on, if the same CAs vouch for it.
    ///
    /// # Errors
    /// What is wrong with its CAs.
    pub fn new(provider: &OidcProvider, users: &Users, limits: &Limits, before: Option<&Self>) -> Result<Self, String> {
        let roots = roots::of(provider.ca.as_deref())?;
        let tls = roots::client(&roots)?;
        let before = before.filter(|before| before.is(provider) && before.roots == roots);
        let cache = before.map_or_else(Arc::default, |before| Arc::clone(&before.cache));
        Ok(Self { provider: provider.clone(), users: users.clone(), limits: limits.clone(), tls, roots, cache })
    }

    /// Whether this is that provider.
    pub fn is(&self, provider: &OidcProvider) -> bool {
        self.provider.issuer == provider.issuer
    }

    /// Its issuer.
    pub fn issuer(&self) -> &str {
        self.provider.issuer.as_str()
    }

    /// Whether it answered when it was asked last.
    pub fn is_up(&self) -> bool {
        self.cache.is_up()
    }

    /// Why it did not answer when it was asked last.
    pub fn away(&self) -> Option<String> {
        self.cache.away().map(|words| words.to_string())
    }

    /// Keeps its keys fresh, for as long as it is polled: asks at once, again when they are no longer fresh, and while it
    /// is away every half minute.
    pub async fn keep(&self) {
        loop {
            let at = Instant::now();
            if self.cache.away().is_some() || self.cache.due().is_none_or(|due| due <= at) {
                self.cache.refresh(Reason::Due, self.cache.asked(), at, self.ask()).await;
            }
            let next = match self.cache.away() {
                Some(_) => AWAY,
                None => self.cache.due().map_or(AWAY, |due| due.saturating_duration_since(Instant::now())),
            };
            tokio::time::sleep(next.max(Duration::from_secs(1))).await;
        }
    }

    /// Asks it for its keys and says in words what it publishes.
    ///
    /// # Errors
    /// Why it has none that count.
    pub async fn probe(&self) -> Result<String, String> {
        let keys = self.ask().await?.keys;
        let left_out = match keys.left_out.as_slice() {
            [] => String::new(),
            left_out => format!("; left out: {}", left_out.join(", ")),
        };
        Ok(format!("usable keys: {}{left_out}", keys.count()))
    }

    fn ask(&self) -> impl Future<Output = Result<provider::Published, String>> + Send + 'static {
        let (issuer, tls, limits) = (self.provider.issuer.clone(), Arc::clone(&self.tls), self.limits.clone());
        async move { provider::ask(&issuer, &tls, &limits).await }
    }

    /// Says whom a token shows. `now` is the time as the world counts it (seconds since 1970), `at` the same moment as
    /// this machine counts.
    async fn person(&self, token: &Token<'_>, now: i64, at: Instant) -> Result<User, Refused> {
        if !self.provider.algorithms.contains(&token.algorithm) {
            return Err(TokenFault::UnlistedAlgorithm(token.algorithm.as_str()).into());
        }
        let name = token.key.as_deref();
        let known = self.cache.keys(name, self.provider.keys_for, at, || self.ask()).await;
        let away = self.cache.away();
        let known = match (known, away) {
            (Some(known), None) => known,
            (Some(known), Some(_)) if known.keys.has(name) => known,
            (_, away) => {
                let why = away.map_or_else(|| "it was not asked".to_owned(), |words| words.to_string());
                return Err(Refused::away(format!("the provider is away, and its key is not known: {why}")));
            }
        };
        known.keys.verify(token)?;
        claims::person(&token.claims, &self.provider, &self.users, &self.limits, now).map_err(|fault| {
            // Who was not let in with a token that the provider did make is worth knowing.
            match claims::name(&token.claims, &self.provider) {
                Ok(name) => Refused::from(fault).tried(&name),
                Err(_) => fault.into(),
            }
        })
    }
}

/// Says whom a token shows: the one provider that it claims to be from is asked.
///
/// # Errors
/// [`Refused::Away`] where keys are needed and the provider does not answer, [`Refused::Denied`] for all else.
pub async fn person(providers: &[Arc<Oidc>], token: &[u8], most: u64, now: i64, at: Instant) -> Result<User, Refused> {
    let token = Token::parse(token, most)?;
    let issuer = token.issuer()?;
    match providers.iter().find(|provider| provider.issuer() == issuer) {
        Some(provider) => provider.person(&token, now, at).await,
        None => Err(TokenFault::Issuer(shown(issuer)).into()),
    }
}

#[cfg(test)]
mod tests;

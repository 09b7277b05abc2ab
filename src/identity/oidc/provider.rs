//! What a provider publishes: its description (OpenID Connect Discovery 1.0, 4) and the keys that this names.

use super::json;
use super::keys::Keys;
use crate::config::Limits;
use crate::config::users::HttpsUrl;
use crate::net::https::{self, Answer};
use rustls::ClientConfig;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// Where the description lies below the issuer.
const DESCRIPTION: &str = "/.well-known/openid-configuration";
/// How long keys count as fresh where the provider does not say, and the bounds of what it says.
const FRESH: Duration = Duration::from_secs(15 * 60);
const LEAST: Duration = Duration::from_secs(60);
const MOST: Duration = Duration::from_secs(60 * 60);

/// Keys, and how long they count as fresh.
pub(super) struct Published {
    pub(super) keys: Keys,
    pub(super) fresh: Duration,
}

/// Asks a provider for its keys.
///
/// # Errors
/// Why there are none, in words.
pub(super) async fn ask(issuer: &HttpsUrl, tls: &Arc<ClientConfig>, limits: &Limits) -> Result<Published, String> {
    let most = usize::try_from(limits.provider_answer).unwrap_or(usize::MAX);
    let wait = limits.provider_wait;
    let place = format!("{}{DESCRIPTION}", issuer.as_str().trim_end_matches('/'));
    let place = HttpsUrl::parse(&place).map_err(|(words, _)| words)?;
    let answer = https::get(&place, tls, most, wait).await.map_err(|fault| format!("`{place}`: {fault}"))?;
    let keys_at = description(issuer, &answer).map_err(|words| format!("`{place}`: {words}"))?;
    let answer = https::get(&keys_at, tls, most, wait).await.map_err(|fault| format!("`{keys_at}`: {fault}"))?;
    let most = usize::try_from(limits.provider_keys).unwrap_or(usize::MAX);
    let keys = Keys::parse(&answer.body, most).map_err(|words| format!("`{keys_at}`: {words}"))?;
    Ok(Published { keys, fresh: answer.max_age.unwrap_or(FRESH).clamp(LEAST, MOST) })
}

/// Where the keys are. The description must be that of the issuer: otherwise one provider could speak for another
/// (RFC 9207, RFC 8725 3.8).
fn description(issuer: &HttpsUrl, answer: &Answer) -> Result<HttpsUrl, String> {
    let description = json::object(&answer.body).ok_or("the description is not JSON that says everything once")?;
    match description.get("issuer").and_then(Value::as_str) {
        Some(own) if own == issuer.as_str() => {}
        _ => return Err("the description is of another issuer".to_owned()),
    }
    let keys = description.get("jwks_uri").and_then(Value::as_str).ok_or("the description names no `jwks_uri`")?;
    HttpsUrl::parse(keys).map_err(|_| "`jwks_uri` of the description is not an https URL".to_owned())
}

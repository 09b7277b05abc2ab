//! What a token that somebody has signed claims: for whom, from when, until when, who, in which roles (RFC 7519 4.1).

use super::fault::TokenFault;
use crate::config::users::{ClaimPath, OidcProvider};
use crate::config::{Limits, Users};
use crate::identity::people::is_word;
use crate::policy::User;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The end of the year 9999: times beyond are no times.
const LATEST: i64 = 253_402_300_799;
/// The longest text of a claim that is kept, in characters.
const VALUE: usize = 1024;

/// Makes a person of the claims of a token whose signature holds and whose `iss` is the provider's. `now`: seconds since
/// 1970.
pub(super) fn person(
    claims: &Map<String, Value>,
    provider: &OidcProvider,
    users: &Users,
    limits: &Limits,
    now: i64,
) -> Result<User, TokenFault> {
    if claims.contains_key("events") {
        return Err(TokenFault::Event);
    }
    audience(claims, &provider.audience)?;
    let skew = i64::try_from(provider.skew.as_secs()).unwrap_or(i64::MAX);
    let until = times(claims, skew, now)?;
    let name = name(claims, provider)?;
    let roles = match find(claims, &provider.roles) {
        None => Vec::new(),
        Some(found) => roles(found, &provider.roles, limits)?,
    };
    let mut kept = BTreeMap::new();
    for path in &provider.claims {
        if let Some(values) = find(claims, path).and_then(texts) {
            kept.insert(path.to_string(), bounded(values, path, limits)?);
        }
    }
    let emergency = ["scope", "scp"].iter().filter_map(|claim| claims.get(*claim)).any(|scope| match scope {
        Value::String(scopes) => scopes.split(' ').any(|scope| scope == users.emergency_scope),
        Value::Array(scopes) => scopes.iter().any(|scope| scope.as_str() == Some(&users.emergency_scope)),
        _ => false,
    });
    let source = provider.issuer.as_str().to_owned();
    Ok(User { name, source, roles, attributes: BTreeMap::new(), claims: kept, until, emergency })
}

fn audience(claims: &Map<String, Value>, wanted: &str) -> Result<(), TokenFault> {
    let contains = match claims.get("aud") {
        Some(Value::String(one)) => one == wanted,
        Some(Value::Array(several)) if several.iter().all(Value::is_string) => {
            several.iter().any(|one| one.as_str() == Some(wanted))
        }
        _ => return Err(TokenFault::NoAudience),
    };
    if contains { Ok(()) } else { Err(TokenFault::Audience) }
}

/// When access ends. A token whose time is over by less than `skew` still counts, until the skew is used up too.
fn times(claims: &Map<String, Value>, skew: i64, now: i64) -> Result<i64, TokenFault> {
    let expiry = time(claims, "exp")?.ok_or(TokenFault::NoExpiry)?;
    let from = time(claims, "nbf")?;
    let issued = time(claims, "iat")?;
    let grace = expiry.saturating_add(skew);
    if grace <= now {
        return Err(TokenFault::Expired(now.saturating_sub(expiry)));
    }
    let latest = now.saturating_add(skew);
    if let Some(from) = from.filter(|from| *from > latest) {
        return Err(TokenFault::Early(from - now));
    }
    if let Some(issued) = issued.filter(|issued| *issued > latest) {
        return Err(TokenFault::Future(issued - now));
    }
    Ok(if expiry > now { expiry } else { grace })
}

/// A NumericDate: seconds since 1970, fractions cut off.
fn time(claims: &Map<String, Value>, claim: &'static str) -> Result<Option<i64>, TokenFault> {
    let Some(value) = claims.get(claim) else { return Ok(None) };
    let whole = value.as_i64().or_else(|| {
        let seconds = value.as_f64().filter(|_| value.is_f64())?;
        // Bounds first: the cast then loses nothing but the fraction.
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "within bounds")]
        (0.0..=LATEST as f64).contains(&seconds).then_some(seconds as i64)
    });
    whole.filter(|seconds| (0..=LATEST).contains(seconds)).map(Some).ok_or(TokenFault::Time(claim))
}

/// The user name that a token claims.
pub(super) fn name(claims: &Map<String, Value>, provider: &OidcProvider) -> Result<String, TokenFault> {
    let (path, found) = match &provider.name {
        Some(path) => (path.to_string(), find(claims, path)),
        None => match claims.get("preferred_username") {
            Some(found) => ("preferred_username".to_owned(), Some(found)),
            None => ("sub".to_owned(), claims.get("sub")),
        },
    };
    match found {
        None | Some(Value::Null) => Err(TokenFault::NoName(path)),
        Some(Value::String(name)) if is_word(name) && name.trim() == name => Ok(name.clone()),
        Some(_) => Err(TokenFault::Name(path)),
    }
}

fn roles(found: &Value, path: &ClaimPath, limits: &Limits) -> Result<Vec<String>, TokenFault> {
    let scopes = path.steps().last().is_some_and(|last| last == "scope" || last == "scp");
    let roles: Vec<String> = match found {
        Value::Null => Vec::new(),
        // RFC 8693 4.2: scopes are one text with blanks between them.
        Value::String(all) if scopes => all.split(' ').filter(|one| !one.is_empty()).map(str::to_owned).collect(),
        _ => texts(found).ok_or_else(|| TokenFault::Roles(path.to_string()))?,
    };
    if roles.len() > usize::try_from(limits.user_roles).unwrap_or(usize::MAX) {
        return Err(TokenFault::Many(path.to_string(), limits.user_roles));
    }
    match roles.iter().all(|role| is_word(role)) {
        true => Ok(roles),
        false => Err(TokenFault::Roles(path.to_string())),
    }
}

/// A text or a list of texts; `None` for anything else, which counts as absent.
fn texts(found: &Value) -> Option<Vec<String>> {
    match found {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(several) => several.iter().map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

fn bounded(values: Vec<String>, path: &ClaimPath, limits: &Limits) -> Result<Vec<String>, TokenFault> {
    if values.len() > usize::try_from(limits.user_values).unwrap_or(usize::MAX) {
        return Err(TokenFault::Many(path.to_string(), limits.user_values));
    }
    match values.iter().all(|value| value.chars().count() <= VALUE) {
        true => Ok(values),
        false => Err(TokenFault::LongValue(path.to_string())),
    }
}

/// The claim at a path. Names may hold dots themselves (`https://hospital.example/roles`): the longest that fits counts.
fn find<'c>(claims: &'c Map<String, Value>, path: &ClaimPath) -> Option<&'c Value> {
    let steps: Vec<&str> = path.steps().collect();
    step(claims, &steps)
}

fn step<'c>(claims: &'c Map<String, Value>, steps: &[&str]) -> Option<&'c Value> {
    (1..=steps.len()).rev().find_map(|count| {
        let (name, rest) = steps.split_at_checked(count)?;
        let found = claims.get(&name.join("."))?;
        if rest.is_empty() { Some(found) } else { step(found.as_object()?, rest) }
    })
}

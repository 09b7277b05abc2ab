//! Tokens and providers, good and bad.

mod attacks;
mod claims;
mod keys;
mod server;
mod signer;
mod transport;

use super::*;
use crate::config::users::{ClaimPath, HttpsUrl, TokenAlgorithm};
use serde_json::{Value, json};
use std::path::Path;

/// The moment at which all this happens, seconds since 1970.
const NOW: i64 = 1_800_000_000;
const AUDIENCE: &str = "dicomgate";

fn users() -> Users {
    Users {
        max_session: Duration::from_secs(8 * 3600),
        answer_after: Duration::from_secs(1),
        emergency_scope: "break-glass".to_owned(),
        attributes: Arc::default(),
        oidc: Vec::new(),
        local: None,
        ldap: None,
    }
}

fn path(text: &str) -> ClaimPath {
    ClaimPath::parse(text).unwrap()
}

fn settings(issuer: &str, ca: &Path) -> OidcProvider {
    OidcProvider {
        issuer: HttpsUrl::parse(issuer).unwrap(),
        audience: AUDIENCE.to_owned(),
        roles: path("realm_access.roles"),
        name: None,
        claims: vec![path("department"), path("address.locality")],
        ca: Some(ca.to_path_buf()),
        skew: Duration::from_secs(60),
        algorithms: TokenAlgorithm::DEFAULT.to_vec(),
        keys_for: Duration::from_secs(24 * 3600),
    }
}

/// What a sound token claims.
fn claims(issuer: &str) -> Value {
    json!({
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": "f81d4fae-7dec",
        "preferred_username": "mueller",
        "iat": NOW - 10,
        "exp": NOW + 600,
        "realm_access": { "roles": ["referrer", "reader"] },
    })
}

//! A signed token as text (RFC 7515 compact serialisation, RFC 7519): its parts, and what its head may say (RFC 8725 3).
//!
//! Nothing here is proven yet.

use super::fault::{TokenFault, shown};
use super::{base64, json};
use crate::config::users::TokenAlgorithm;
use serde_json::{Map, Value};

/// The longest `kid`, in characters.
pub(super) const KEY_NAME: usize = 256;

/// A token whose signature nobody has checked.
pub(super) struct Token<'t> {
    /// What it says it was signed with.
    pub(super) algorithm: TokenAlgorithm,
    /// Which key it says it was signed with.
    pub(super) key: Option<String>,
    /// What it claims.
    pub(super) claims: Map<String, Value>,
    /// What the signature is about.
    pub(super) message: &'t [u8],
    /// The signature, base64url.
    pub(super) signature: &'t str,
}

impl<'t> Token<'t> {
    /// Takes a token apart; at most `most` bytes of it.
    pub(super) fn parse(token: &'t [u8], most: u64) -> Result<Self, TokenFault> {
        if u64::try_from(token.len()).unwrap_or(u64::MAX) > most {
            return Err(TokenFault::Long(most));
        }
        // Odd lengths are padded in DICOM: one blank or zero byte behind is no part of it.
        let token = token.strip_suffix(b" ").or_else(|| token.strip_suffix(b"\0")).unwrap_or(token);
        let text = std::str::from_utf8(token).map_err(|_| TokenFault::Shape)?;
        let mut parts = text.split('.');
        let (Some(head), Some(claims), Some(signature)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(TokenFault::Shape);
        };
        match parts.count() {
            0 => {}
            2 => return Err(TokenFault::Encrypted),
            _ => return Err(TokenFault::Shape),
        }
        let message = head.len() + 1 + claims.len();
        let (algorithm, key) = read_head(&base64::decode(head).ok_or(TokenFault::Shape)?)?;
        let claims = base64::decode(claims).ok_or(TokenFault::Shape)?;
        if signature.is_empty() || base64::decode(signature).is_none() {
            return Err(TokenFault::Shape);
        }
        let claims = json::object(&claims).ok_or(TokenFault::Claims)?;
        let message = token.get(..message).ok_or(TokenFault::Shape)?;
        Ok(Self { algorithm, key, claims, message, signature })
    }

    /// Who it says has issued it.
    pub(super) fn issuer(&self) -> Result<&str, TokenFault> {
        self.claims.get("iss").and_then(Value::as_str).filter(|issuer| !issuer.is_empty()).ok_or(TokenFault::NoIssuer)
    }
}

fn read_head(head: &[u8]) -> Result<(TokenAlgorithm, Option<String>), TokenFault> {
    let head = json::object(head).ok_or(TokenFault::Head)?;
    let algorithm = algorithm(&head)?;
    for (member, fault) in [
        ("crit", TokenFault::Critical),
        ("zip", TokenFault::Compressed),
        ("enc", TokenFault::Encrypted),
        ("cty", TokenFault::Nested),
        ("jwk", TokenFault::OwnKey("jwk")),
        ("jku", TokenFault::OwnKey("jku")),
        ("x5u", TokenFault::OwnKey("x5u")),
        ("x5c", TokenFault::OwnKey("x5c")),
    ] {
        if head.contains_key(member) {
            return Err(fault);
        }
    }
    if let Some(kind) = head.get("typ") {
        let kind = kind.as_str().ok_or_else(|| TokenFault::Kind("(not a text)".to_owned()))?;
        let plain = kind.to_ascii_lowercase();
        let plain = plain.strip_prefix("application/").unwrap_or(&plain);
        if plain != "jwt" && plain != "at+jwt" {
            return Err(TokenFault::Kind(shown(kind)));
        }
    }
    let key = match head.get("kid") {
        None => None,
        Some(Value::String(key)) if !key.is_empty() && key.chars().count() <= KEY_NAME => Some(key.clone()),
        Some(_) => return Err(TokenFault::KeyName),
    };
    Ok((algorithm, key))
}

fn algorithm(head: &Map<String, Value>) -> Result<TokenAlgorithm, TokenFault> {
    let word = head.get("alg").and_then(Value::as_str).ok_or(TokenFault::NoAlgorithm)?;
    if word.is_empty() || word.eq_ignore_ascii_case("none") {
        return Err(TokenFault::Unsigned);
    }
    if word.to_ascii_uppercase().starts_with("HS") {
        return Err(TokenFault::Symmetric(shown(word)));
    }
    named(word).ok_or_else(|| TokenFault::UnknownAlgorithm(shown(word)))
}

/// The algorithm of this name. Ed25519 has two (RFC 8037, RFC 9864).
pub(super) fn named(word: &str) -> Option<TokenAlgorithm> {
    match word {
        "Ed25519" => Some(TokenAlgorithm::EdDSA),
        _ => TokenAlgorithm::ALL.into_iter().find(|known| known.as_str() == word),
    }
}

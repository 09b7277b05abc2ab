//! The keys that a provider publishes (RFC 7517, RFC 7518 6): which of them can check which signature.

use super::fault::{TokenFault, shown};
use super::token::{KEY_NAME, Token, named};
use super::{base64, json};
use crate::config::users::TokenAlgorithm;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};
use std::fmt;

/// Bits of an RSA modulus: what is smaller can be broken, what is larger costs time.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The keys of one provider.
#[derive(Debug, Default)]
pub(super) struct Keys {
    keys: Vec<Key>,
    /// Keys that are published and cannot be used, with the reason.
    pub(super) left_out: Vec<String>,
}

/// A public key.
struct Key {
    name: Option<String>,
    algorithms: Vec<TokenAlgorithm>,
    key: DecodingKey,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("name", &self.name).field("algorithms", &self.algorithms).finish_non_exhaustive()
    }
}

impl Keys {
    /// Reads a JWK set: at most `most` keys.
    ///
    /// # Errors
    /// That it is none, or that it holds no key that could check anything.
    pub(super) fn parse(body: &[u8], most: usize) -> Result<Self, &'static str> {
        let set = json::object(body).ok_or("the keys are not JSON that says everything once")?;
        let listed = set.get("keys").and_then(Value::as_array).ok_or("the answer has no list `keys`")?;
        let mut keys = Self::default();
        for (number, jwk) in listed.iter().enumerate() {
            if number >= most {
                keys.left_out.push(format!("keys beyond the {most} that `provider_keys` of [limits] allows"));
                break;
            }
            match read(jwk) {
                Ok(key) => keys.keys.push(key),
                Err(why) => keys.left_out.push(format!("key {}: {why}", number + 1)),
            }
        }
        match keys.keys.is_empty() {
            true => Err("the provider publishes no key that could check a signature"),
            false => Ok(keys),
        }
    }

    /// Whether a key of this name is published; without a name, any.
    pub(super) fn has(&self, name: Option<&str>) -> bool {
        name.is_none_or(|name| self.keys.iter().any(|key| key.name.as_deref() == Some(name)))
    }

    /// How many keys can check something.
    pub(super) const fn count(&self) -> usize {
        self.keys.len()
    }

    /// Checks the signature of a token with the one key that it can be from.
    pub(super) fn verify(&self, token: &Token<'_>) -> Result<(), TokenFault> {
        let key = self.choose(token)?;
        let algorithm = known(token.algorithm);
        match jsonwebtoken::crypto::verify(token.signature, token.message, &key.key, algorithm) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(TokenFault::Signature),
        }
    }

    fn choose(&self, token: &Token<'_>) -> Result<&Key, TokenFault> {
        let algorithm = token.algorithm;
        if let Some(name) = &token.key {
            let mut fits = self.keys.iter().filter(|key| key.name.as_ref() == Some(name));
            let key = fits.next().ok_or_else(|| TokenFault::UnknownKey(shown(name)))?;
            if fits.next().is_some() {
                return Err(TokenFault::AmbiguousKey(shown(name)));
            }
            return match key.algorithms.contains(&algorithm) {
                true => Ok(key),
                false => Err(TokenFault::OtherAlgorithm { key: shown(name), algorithm: algorithm.as_str() }),
            };
        }
        let mut fits = self.keys.iter().filter(|key| key.algorithms.contains(&algorithm));
        let key = fits.next().ok_or(TokenFault::NoKey(algorithm.as_str()))?;
        if fits.next().is_some() {
            return Err(TokenFault::SeveralKeys);
        }
        Ok(key)
    }
}

/// Takes a key, or says why it cannot be used. Unknown members mean nothing (RFC 7517 4).
fn read(jwk: &Value) -> Result<Key, &'static str> {
    let jwk = jwk.as_object().ok_or("not a key")?;
    let text = |member: &str| jwk.get(member).and_then(Value::as_str);
    let name = match jwk.get("kid") {
        None => None,
        Some(Value::String(name)) if !name.is_empty() && name.chars().count() <= KEY_NAME => Some(name.clone()),
        Some(_) => return Err("its `kid` is not a short text"),
    };
    if jwk.get("use").is_some_and(|purpose| purpose.as_str() != Some("sig")) {
        return Err("it is not for signatures (`use`)");
    }
    if let Some(operations) = jwk.get("key_ops") {
        let verifies = |operations: &Vec<Value>| operations.iter().any(|one| one.as_str() == Some("verify"));
        if !operations.as_array().is_some_and(verifies) {
            return Err("it is not for checking signatures (`key_ops`)");
        }
    }
    if jwk.contains_key("d") || jwk.contains_key("k") {
        return Err("its secret half is published, so everybody has it");
    }
    let (fitting, key): (&[TokenAlgorithm], DecodingKey) = match (text("kty"), text("crv")) {
        (Some("EC"), Some("P-256")) => (&[TokenAlgorithm::ES256], point(jwk, 32)?),
        (Some("EC"), Some("P-384")) => (&[TokenAlgorithm::ES384], point(jwk, 48)?),
        (Some("OKP"), Some("Ed25519")) => (&[TokenAlgorithm::EdDSA], edwards(jwk)?),
        (Some("RSA"), _) => (&RSA, modulus(jwk)?),
        _ => return Err("it is of a kind that nobody here knows (`kty`, `crv`)"),
    };
    let algorithms = match jwk.get("alg") {
        None => fitting.to_vec(),
        Some(word) => {
            let pinned = word.as_str().and_then(named).filter(|pinned| fitting.contains(pinned));
            vec![pinned.ok_or("its `alg` is unknown, or not one of such a key")?]
        }
    };
    Ok(Key { name, algorithms, key })
}

const RSA: [TokenAlgorithm; 6] = [
    TokenAlgorithm::RS256,
    TokenAlgorithm::RS384,
    TokenAlgorithm::RS512,
    TokenAlgorithm::PS256,
    TokenAlgorithm::PS384,
    TokenAlgorithm::PS512,
];

/// The bytes of a member.
fn bytes(jwk: &Map<String, Value>, member: &str) -> Option<Vec<u8>> {
    jwk.get(member).and_then(Value::as_str).and_then(base64::decode)
}

/// A point of a curve whose coordinates have so many bytes. That it lies on the curve is checked with the signature.
fn point(jwk: &Map<String, Value>, length: usize) -> Result<DecodingKey, &'static str> {
    let coordinate = |member| bytes(jwk, member).filter(|bytes| bytes.len() == length);
    let (Some(x), Some(y)) = (coordinate("x"), coordinate("y")) else {
        return Err("its coordinates do not fit its curve");
    };
    // SEC 1 2.3.3, uncompressed
    let whole: Vec<u8> = std::iter::once(4).chain(x).chain(y).collect();
    Ok(DecodingKey::from_ec_der(&whole))
}

fn edwards(jwk: &Map<String, Value>) -> Result<DecodingKey, &'static str> {
    let x = bytes(jwk, "x").filter(|x| x.len() == 32).ok_or("its point does not fit its curve")?;
    Ok(DecodingKey::from_ed_der(&x))
}

fn modulus(jwk: &Map<String, Value>) -> Result<DecodingKey, &'static str> {
    let number = |member| {
        let bytes = bytes(jwk, member)?;
        let start = bytes.iter().position(|byte| *byte != 0)?;
        bytes.get(start..).map(<[u8]>::to_vec)
    };
    let (Some(n), Some(e)) = (number("n"), number("e")) else {
        return Err("its modulus or exponent is missing");
    };
    let bits = n.len() * 8 - n.first().map_or(0, |first| first.leading_zeros() as usize);
    if !RSA_BITS.contains(&bits) {
        return Err("its modulus has less than 2048 or more than 8192 bits");
    }
    if e.len() > 8 || e == [1] || e.last().is_none_or(|last| last % 2 == 0) {
        return Err("its exponent is none that a sound key has");
    }
    Ok(DecodingKey::from_rsa_raw_components(&n, &e))
}

const fn known(algorithm: TokenAlgorithm) -> Algorithm {
    match algorithm {
        TokenAlgorithm::ES256 => Algorithm::ES256,
        TokenAlgorithm::ES384 => Algorithm::ES384,
        TokenAlgorithm::RS256 => Algorithm::RS256,
        TokenAlgorithm::RS384 => Algorithm::RS384,
        TokenAlgorithm::RS512 => Algorithm::RS512,
        TokenAlgorithm::PS256 => Algorithm::PS256,
        TokenAlgorithm::PS384 => Algorithm::PS384,
        TokenAlgorithm::PS512 => Algorithm::PS512,
        TokenAlgorithm::EdDSA => Algorithm::EdDSA,
    }
}

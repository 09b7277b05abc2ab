//! Which key may check what.

use super::signer::{Signer, key_set};
use super::{NOW, base64, claims};
use crate::identity::oidc::fault::TokenFault;
use crate::identity::oidc::keys::Keys;
use crate::identity::oidc::token::Token;
use serde_json::{Value, json};

const ISSUER: &str = "https://login.hospital.example";

fn parse(keys: &[Value]) -> Result<Keys, &'static str> {
    Keys::parse(&key_set(keys), 64)
}

fn verify(keys: &Keys, token: &str) -> Result<(), TokenFault> {
    keys.verify(&Token::parse(token.as_bytes(), 1 << 16)?)
}

fn with(mut value: Value, member: &str, to: Value) -> Value {
    value[member] = to;
    value
}

/// The same without a member.
fn without(mut value: Value, member: &str) -> Value {
    value.as_object_mut().unwrap().remove(member);
    value
}

#[test]
fn every_algorithm_is_checked_with_a_key_of_its_kind() {
    let all = [
        (Signer::p256(), vec!["ES256"]),
        (Signer::p384(), vec!["ES384"]),
        (Signer::ed(), vec!["EdDSA", "Ed25519"]),
        (Signer::rsa(), vec!["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]),
    ];
    let jwks: Vec<Value> = all.iter().map(|(signer, words)| signer.jwk(words[0])).collect();
    let keys = parse(&jwks).unwrap();
    for (signer, algorithms) in &all {
        for algorithm in algorithms {
            let head = json!({ "alg": algorithm, "kid": algorithms[0] });
            assert_eq!(verify(&keys, &signer.token(&head, &claims(ISSUER))), Ok(()), "{algorithm}");
            // The right head with the signature of another key of the same kind, where that is quickly made.
            let stranger = match signer {
                Signer::P256(_) => Signer::p256(),
                Signer::P384(_) => Signer::p384(),
                Signer::Ed(_) => Signer::ed(),
                Signer::Rsa(_) => continue,
            };
            assert_eq!(verify(&keys, &stranger.token(&head, &claims(ISSUER))), Err(TokenFault::Signature));
        }
    }
}

#[test]
fn an_algorithm_belongs_to_the_key_and_not_to_the_token() {
    let rsa = Signer::rsa();
    let pinned = parse(&[with(rsa.jwk("r"), "alg", json!("PS256"))]).unwrap();
    let token = |algorithm: &str| rsa.token(&json!({ "alg": algorithm, "kid": "r" }), &claims(ISSUER));
    assert_eq!(verify(&pinned, &token("PS256")), Ok(()));
    assert_eq!(verify(&pinned, &token("RS256")).unwrap_err().to_string(), "the key `r` is not for `alg` RS256");
    let curve = Signer::p256();
    let keys = parse(&[curve.jwk("c")]).unwrap();
    for other in ["ES384", "RS256", "EdDSA"] {
        let token = curve.sign(&json!({ "alg": other, "kid": "c" }).to_string(), &claims(ISSUER).to_string(), "");
        let expected = format!("the key `c` is not for `alg` {other}");
        assert_eq!(verify(&keys, &token).unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_token_that_names_no_key_needs_exactly_one_that_fits() {
    let (one, two, other) = (Signer::p256(), Signer::p256(), Signer::p384());
    let token = one.token(&json!({ "alg": "ES256" }), &claims(ISSUER));
    assert_eq!(verify(&parse(&[one.jwk("1"), other.jwk("3")]).unwrap(), &token), Ok(()));
    assert_eq!(verify(&parse(&[one.jwk("1"), two.jwk("2")]).unwrap(), &token), Err(TokenFault::SeveralKeys));
    assert_eq!(verify(&parse(&[other.jwk("3")]).unwrap(), &token), Err(TokenFault::NoKey("ES256")));
    let unnamed = without(one.jwk(""), "kid");
    assert_eq!(verify(&parse(std::slice::from_ref(&unnamed)).unwrap(), &token), Ok(()));
    let named = one.token(&json!({ "alg": "ES256", "kid": "1" }), &claims(ISSUER));
    assert_eq!(
        verify(&parse(&[unnamed]).unwrap(), &named).unwrap_err().to_string(),
        "the provider publishes no key `1`"
    );
}

#[test]
fn two_keys_of_one_name_are_no_key() {
    let (one, two) = (Signer::p256(), Signer::p256());
    let keys = parse(&[one.jwk("k"), two.jwk("k")]).unwrap();
    let token = one.token(&json!({ "alg": "ES256", "kid": "k" }), &claims(ISSUER));
    assert_eq!(verify(&keys, &token).unwrap_err().to_string(), "the provider publishes several keys as `k`");
}

#[test]
fn keys_that_are_for_something_else_are_left_out() {
    let good = Signer::p256().jwk("good");
    let rsa = Signer::rsa().jwk("r");
    let zeros = |count: usize| base64::encode(&vec![0xff; count]);
    let odd = [
        with(good.clone(), "use", json!("enc")),
        with(good.clone(), "use", json!(7)),
        with(good.clone(), "key_ops", json!(["encrypt"])),
        with(good.clone(), "key_ops", json!("verify")),
        with(good.clone(), "alg", json!("RS256")),
        with(good.clone(), "alg", json!("none")),
        with(good.clone(), "alg", json!("HS256")),
        with(good.clone(), "crv", json!("P-384")),
        with(good.clone(), "crv", json!("P-521")),
        with(good.clone(), "crv", json!("secp256k1")),
        with(good.clone(), "x", json!("AQ")),
        with(good.clone(), "d", json!(zeros(32))),
        with(good.clone(), "kid", json!("")),
        with(good.clone(), "kid", json!("k".repeat(257))),
        with(good.clone(), "kid", json!(1)),
        without(good.clone(), "y"),
        json!({ "kty": "oct", "kid": "o", "k": zeros(32) }),
        json!({ "kty": "OKP", "crv": "Ed448", "x": zeros(57) }),
        json!({ "kty": "OKP", "crv": "Ed25519", "x": zeros(31) }),
        // 1024 bits; 2048 bits of which the first eight are zero; more than anybody needs.
        with(rsa.clone(), "n", json!(zeros(128))),
        with(rsa.clone(), "n", json!(base64::encode(&[[0].as_slice(), &[0xff; 255]].concat()))),
        with(rsa.clone(), "n", json!(zeros(1025))),
        with(rsa.clone(), "e", json!("AQ")),
        with(rsa.clone(), "e", json!("Ag")),
        with(rsa, "e", json!("AAAA")),
        json!("key"),
        json!(null),
    ];
    for key in odd {
        assert!(parse(std::slice::from_ref(&key)).is_err(), "{key} alone is a key");
        let keys = parse(&[key.clone(), good.clone()]).unwrap();
        assert_eq!(keys.left_out.len(), 1, "{key}");
        assert!(keys.has(Some("good")));
    }
    assert!(parse(&[with(good, "key_ops", json!(["sign", "verify"]))]).is_ok());
}

#[test]
fn a_point_off_the_curve_checks_nothing() {
    let signer = Signer::p256();
    let off = with(signer.jwk("k"), "y", json!(base64::encode(&[1; 32])));
    let token = signer.token(&json!({ "alg": "ES256", "kid": "k" }), &claims(ISSUER));
    assert_eq!(verify(&parse(&[off]).unwrap(), &token), Err(TokenFault::Signature));
}

#[test]
fn a_set_has_bounds_and_a_shape() {
    let keys: Vec<Value> = (0..5).map(|number| Signer::p256().jwk(&number.to_string())).collect();
    let three = Keys::parse(&key_set(&keys), 3).unwrap();
    assert!(three.has(Some("2")) && !three.has(Some("3")));
    assert_eq!(three.left_out.len(), 1);
    for odd in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[]}"#, r#"{"keys":[],"keys":[]}"#] {
        assert!(Keys::parse(odd.as_bytes(), 3).is_err(), "{odd}");
    }
}

#[test]
fn a_signature_is_about_every_byte() {
    let signer = Signer::p256();
    let keys = parse(&[signer.jwk("k")]).unwrap();
    let token = signer.token(&json!({ "alg": "ES256", "kid": "k" }), &claims(ISSUER));
    let parts: Vec<&str> = token.split('.').collect();
    let other = base64::encode(with(claims(ISSUER), "exp", json!(NOW + 9_999_999)).to_string().as_bytes());
    assert_eq!(verify(&keys, &format!("{}.{other}.{}", parts[0], parts[2])), Err(TokenFault::Signature));
    // r and s of zero pass where nobody looks (CVE-2022-21449); the other way to write a signature is none here.
    for forged in [base64::encode(&[0; 64]), base64::encode(&[]), base64::encode(&[0; 8]), "AA".to_owned()] {
        let token = format!("{}.{}.{forged}", parts[0], parts[1]);
        assert!(verify(&keys, &token).is_err(), "{forged}");
    }
}

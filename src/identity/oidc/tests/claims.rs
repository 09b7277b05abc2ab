//! From claims to a person.

use super::{AUDIENCE, NOW, claims as sound, path, settings, users};
use crate::config::Limits;
use crate::config::users::OidcProvider;
use crate::identity::oidc::claims::person;
use crate::identity::oidc::fault::TokenFault;
use crate::policy::User;
use serde_json::{Value, json};
use std::path::Path;

const ISSUER: &str = "https://login.hospital.example";

fn provider() -> OidcProvider {
    settings(ISSUER, Path::new("ca.crt"))
}

fn of(claims: &Value, provider: &OidcProvider) -> Result<User, TokenFault> {
    person(claims.as_object().unwrap(), provider, &users(), &Limits::default(), NOW)
}

/// A sound token with one claim otherwise; `null` takes it out.
fn with(claim: &str, value: Value) -> Value {
    let mut claims = sound(ISSUER);
    let members = claims.as_object_mut().unwrap();
    match value {
        Value::Null => drop(members.remove(claim)),
        value => drop(members.insert(claim.to_owned(), value)),
    }
    claims
}

fn words(claim: &str, value: Value) -> String {
    of(&with(claim, value), &provider()).unwrap_err().to_string()
}

#[test]
fn a_sound_token_is_a_person() {
    let mut claims = with("department", json!(["radiology", "surgery"]));
    claims["address"] = json!({ "locality": "Bern" });
    let user = of(&claims, &provider()).unwrap();
    assert_eq!((user.name.as_str(), user.source.as_str()), ("mueller", ISSUER));
    assert_eq!(user.roles, ["referrer", "reader"]);
    assert_eq!(user.values("claim.department"), ["radiology", "surgery"]);
    assert_eq!(user.values("claim.address.locality"), ["Bern"]);
    assert_eq!((user.until, user.emergency), (NOW + 600, false));
}

#[test]
fn a_token_is_for_us() {
    for ours in [json!(AUDIENCE), json!(["account", AUDIENCE])] {
        assert!(of(&with("aud", ours), &provider()).is_ok());
    }
    for other in [json!("account"), json!(["account"]), json!([]), json!("dicomgate2"), json!("DICOMGATE")] {
        assert!(words("aud", other).starts_with("the token is for somebody else"));
    }
    for odd in [Value::Null, json!(1), json!({ "aud": AUDIENCE }), json!([AUDIENCE, 1]), json!([[AUDIENCE]])] {
        assert!(words("aud", odd).starts_with("the token has no `aud`"));
    }
}

#[test]
fn a_token_has_a_time() {
    assert!(words("exp", Value::Null).starts_with("the token has no `exp`"));
    for odd in [json!("1900000000"), json!(-1), json!(true), json!(1e20), json!(-0.5), json!([]), json!(u64::MAX)] {
        for claim in ["exp", "nbf", "iat"] {
            assert_eq!(words(claim, odd.clone()), format!("`{claim}` of the token is not a point in time"));
        }
    }
    assert!(words("exp", json!(NOW - 60)).starts_with("the token has expired: `exp` is 60 s ago"));
    assert!(words("exp", json!(0)).starts_with("the token has expired"));
    assert!(words("nbf", json!(NOW + 61)).starts_with("the token does not hold yet: `nbf` is 61 s ahead"));
    assert!(words("iat", json!(NOW + 3600)).starts_with("the token was issued in the future: `iat` is 3600 s ahead"));
    for fine in [("nbf", json!(NOW + 60)), ("iat", json!(NOW + 60)), ("iat", Value::Null), ("nbf", json!(0))] {
        assert!(of(&with(fine.0, fine.1), &provider()).is_ok(), "{}", fine.0);
    }
}

#[test]
fn access_ends_with_the_token_or_with_the_skew_that_let_it_in() {
    let until = |exp: Value| of(&with("exp", exp), &provider()).unwrap().until;
    assert_eq!(until(json!(NOW + 1)), NOW + 1);
    assert_eq!(until(json!(1_800_000_600.9)), NOW + 600);
    assert_eq!(until(json!(NOW)), NOW + 60);
    assert_eq!(until(json!(NOW - 59)), NOW + 1);
    assert_eq!(until(json!(253_402_300_799_i64)), 253_402_300_799);
}

#[test]
fn a_name_comes_from_the_claim_that_was_chosen() {
    assert_eq!(of(&with("preferred_username", Value::Null), &provider()).unwrap().name, "f81d4fae-7dec");
    let mut upn = provider();
    upn.name = Some(path("upn"));
    assert_eq!(of(&with("upn", json!("a.mueller@hospital.example")), &upn).unwrap().name, "a.mueller@hospital.example");
    assert_eq!(of(&sound(ISSUER), &upn), Err(TokenFault::NoName("upn".to_owned())));
    let mut nobody = with("preferred_username", Value::Null);
    nobody.as_object_mut().unwrap().remove("sub");
    assert_eq!(of(&nobody, &provider()), Err(TokenFault::NoName("sub".to_owned())));
}

#[test]
fn a_name_is_short_and_printable() {
    for odd in [
        json!(""),
        json!(" mueller"),
        json!("a\nb"),
        json!("a\u{202e}b"),
        json!("a\u{200b}"),
        json!(7),
        json!(["mueller"]),
    ] {
        assert_eq!(words("preferred_username", odd), TokenFault::Name("preferred_username".to_owned()).to_string());
    }
    assert!(of(&with("preferred_username", json!("ü".repeat(256))), &provider()).is_ok());
    assert!(of(&with("preferred_username", json!("ü".repeat(257))), &provider()).is_err());
}

#[test]
fn roles_are_texts_wherever_they_are() {
    let roles = |claims: &Value, at: &str| {
        let mut provider = provider();
        provider.roles = path(at);
        of(claims, &provider).map(|user| user.roles)
    };
    let fine = |claims: Value, at: &str| roles(&claims, at).unwrap();
    assert_eq!(fine(with("roles", json!(["a", "b"])), "roles"), ["a", "b"]);
    assert_eq!(fine(with("roles", json!("a b")), "roles"), ["a b"]);
    assert_eq!(fine(with("scope", json!("openid a  b")), "scope"), ["openid", "a", "b"]);
    assert_eq!(fine(with("https://hospital.example/roles", json!(["a"])), "https://hospital.example/roles"), ["a"]);
    let nested = json!({ "my.client": { "roles": ["a"] } });
    assert_eq!(fine(with("resource_access", nested), "resource_access.my.client.roles"), ["a"]);
    assert!(fine(sound(ISSUER), "groups").is_empty());
    assert!(fine(sound(ISSUER), "realm_access.roles.deeper").is_empty());
    for odd in
        [json!({}), json!(1), json!(["a", 1]), json!([["a"]]), json!(["a\u{0}"]), json!([""]), json!(["x".repeat(257)])]
    {
        let fault = roles(&with("roles", odd), "roles").unwrap_err();
        assert_eq!(fault, TokenFault::Roles("roles".to_owned()));
    }
    let many: Vec<String> = (0..257).map(|number| format!("r{number}")).collect();
    assert_eq!(roles(&with("roles", json!(many)), "roles"), Err(TokenFault::Many("roles".to_owned(), 256)));
}

#[test]
fn only_texts_of_claims_are_kept_and_so_many() {
    let kept = |value: Value| of(&with("department", value), &provider()).map(|user| user.claims);
    for odd in [json!(7), json!(true), json!({ "a": "b" }), json!(["a", 1])] {
        assert!(kept(odd).unwrap().is_empty(), "what is no text counts as absent");
    }
    assert_eq!(kept(json!(vec!["a"; 65])), Err(TokenFault::Many("department".to_owned(), 64)));
    assert_eq!(kept(json!("a".repeat(1025))), Err(TokenFault::LongValue("department".to_owned())));
}

#[test]
fn emergency_access_is_asked_for_by_scope() {
    let asks = |claim: &str, value: Value| of(&with(claim, value), &provider()).unwrap().emergency;
    assert!(asks("scope", json!("openid break-glass")));
    assert!(asks("scp", json!(["break-glass"])));
    for other in [json!("break-glass2"), json!("openid,break-glass"), json!(["BREAK-GLASS"]), json!(1)] {
        assert!(!asks("scope", other));
    }
}

#[test]
fn a_logout_token_is_nobody() {
    let events = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
    assert!(words("events", events).starts_with("the token tells of an event"));
}

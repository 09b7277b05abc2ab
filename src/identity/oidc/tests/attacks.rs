//! What RFC 8725 warns of, each with its own words; the numbers are its sections.

use super::server::Server;
use super::signer::{Signer, key_set};
use super::{NOW, base64, claims, settings, users};
use crate::config::Limits;
use crate::config::users::TokenAlgorithm;
use crate::identity::oidc::{Oidc, person};
use crate::identity::people::Refused;
use crate::policy::User;
use aws_lc_rs::hmac;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;

/// A provider with one key of each kind, and us, who trust it.
struct House {
    server: Server,
    oidc: Vec<Arc<Oidc>>,
    curve: Signer,
    rsa: Signer,
}

impl House {
    async fn new() -> Self {
        let (curve, rsa) = (Signer::p256(), Signer::rsa());
        let server = Server::start().await;
        server.publish(&[curve.jwk("curve"), rsa.jwk("rsa")]);
        let provider = settings(&server.issuer, &server.ca());
        let oidc = Oidc::new(&provider, &users(), &Limits::default(), None).unwrap();
        Self { server, oidc: vec![Arc::new(oidc)], curve, rsa }
    }

    async fn try_bytes(&self, token: &[u8]) -> Result<User, Refused> {
        person(&self.oidc, token, Limits::default().token, NOW, Instant::now()).await
    }

    /// The words with which a token is refused.
    async fn refusal(&self, token: &str) -> String {
        match self.try_bytes(token.as_bytes()).await {
            Err(Refused::Denied(why)) => why.to_string(),
            other => panic!("{other:?}"),
        }
    }

    fn claims(&self) -> Value {
        claims(&self.server.issuer)
    }

    fn curve(&self, head: &Value) -> String {
        self.curve.token(head, &self.claims())
    }

    /// With a signature that anybody can make.
    fn forged(&self, head: &Value, signature: &[u8]) -> String {
        let message = format!("{}.{}", text(head), text(&self.claims()));
        format!("{message}.{}", base64::encode(signature))
    }
}

fn text(part: &Value) -> String {
    base64::encode(part.to_string().as_bytes())
}

fn head(more: &Value) -> Value {
    let mut head = json!({ "alg": "ES256", "kid": "curve", "typ": "JWT" });
    head.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    head
}

#[tokio::test]
async fn what_is_sound_is_let_in() {
    let house = House::new().await;
    for typ in ["JWT", "jwt", "at+jwt", "application/at+JWT"] {
        let user = house.try_bytes(house.curve(&head(&json!({ "typ": typ }))).as_bytes()).await.unwrap();
        assert_eq!((user.name.as_str(), user.until), ("mueller", NOW + 600));
    }
    let rsa = house.rsa.token(&json!({ "alg": "PS256", "kid": "rsa" }), &house.claims());
    assert!(house.try_bytes(rsa.as_bytes()).await.is_ok());
    assert!(house.try_bytes(format!("{rsa} ").as_bytes()).await.is_ok(), "padded to an even length");
    assert_eq!(house.server.asked("/keys"), 1, "known keys are not asked for again");
}

/// 2.1, 3.1, 3.2: the algorithm is the verifier's choice.
#[tokio::test]
async fn the_algorithm_is_not_the_callers_choice() {
    let house = House::new().await;
    for none in ["none", "None", "nOnE", ""] {
        let token = house.forged(&head(&json!({ "alg": none })), b"x");
        assert_eq!(house.refusal(&token).await, "the token says `alg` none: nobody has signed it", "{none:?}");
    }
    // An HMAC with what everybody knows: the public key of the provider, in each form that one could think of.
    let jwk = house.rsa.jwk("rsa");
    for secret in [jwk.to_string(), jwk["n"].as_str().unwrap().to_owned(), String::from_utf8(key_set(&[jwk])).unwrap()]
    {
        for (algorithm, digest) in
            [("HS256", hmac::HMAC_SHA256), ("HS512", hmac::HMAC_SHA512), ("hs256", hmac::HMAC_SHA256)]
        {
            let head = json!({ "alg": algorithm, "kid": "rsa" });
            let message = format!("{}.{}", text(&head), text(&house.claims()));
            let tag = hmac::sign(&hmac::Key::new(digest, secret.as_bytes()), message.as_bytes());
            let words = house.refusal(&format!("{message}.{}", base64::encode(tag.as_ref()))).await;
            assert_eq!(
                words,
                format!(
                    "the token says `alg` `{algorithm}`: whoever can check that can make it too, so it proves nothing"
                )
            );
        }
    }
    for unknown in ["ES256K", "RSA-OAEP", "RS1", "es256"] {
        let words = house.refusal(&house.forged(&head(&json!({ "alg": unknown })), b"x")).await;
        assert_eq!(words, format!("the token says `alg` `{unknown}`, which nobody here knows"));
    }
    let odd = house.refusal(&house.forged(&head(&json!({ "alg": "ES256\u{202e}" })), b"x")).await;
    assert_eq!(odd, "the token says `alg` (a text that is long or not printable), which nobody here knows");
    for odd in [json!(null), json!(1), json!(["ES256"])] {
        assert_eq!(house.refusal(&house.forged(&head(&json!({ "alg": odd })), b"x")).await, "the token has no `alg`");
    }
    // Known, but not listed; listed, but not that of the key.
    let unlisted = house.rsa.token(&json!({ "alg": "RS512", "kid": "rsa" }), &house.claims());
    assert_eq!(
        house.refusal(&unlisted).await,
        "the token says `alg` RS512, and `algorithms` of its provider does not list that"
    );
    assert!(!TokenAlgorithm::DEFAULT.contains(&TokenAlgorithm::RS512));
    let crossed =
        house.curve.sign(&json!({ "alg": "RS256", "kid": "curve" }).to_string(), &house.claims().to_string(), "");
    assert_eq!(house.refusal(&crossed).await, "the key `curve` is not for `alg` RS256");
}

/// 2.2, 3.3: nothing without a signature of the provider.
#[tokio::test]
async fn a_signature_is_the_providers() {
    let house = House::new().await;
    let stranger = Signer::p256().token(&head(&json!({})), &house.claims());
    assert_eq!(house.try_bytes(stranger.as_bytes()).await.unwrap_err().why().tried, None, "a forger names anybody");
    assert_eq!(house.refusal(&stranger).await, "the signature is not that of the key");
    let good = house.curve(&head(&json!({})));
    let (message, _) = good.rsplit_once('.').unwrap();
    assert_eq!(
        house.refusal(&format!("{message}.{}", base64::encode(&[0; 64]))).await,
        "the signature is not that of the key"
    );
    let shape = "this is not a token: three parts of base64url with dots between them";
    for odd in [
        format!("{message}."),
        message.to_owned(),
        format!("{good}="),
        format!("{good}."),
        format!("{good}.x"),
        String::new(),
        "a.b.c".to_owned(),
    ] {
        assert_eq!(house.refusal(&odd).await, shape, "{odd}");
    }
    assert_eq!(house.try_bytes(&[0xff, 0xfe, b'.', b'.']).await.unwrap_err().to_string(), shape);
}

/// 2.3, 2.5, 3.6: what is not simply signed is not read.
#[tokio::test]
async fn nothing_is_nested_encrypted_or_compressed() {
    let house = House::new().await;
    assert_eq!(
        house.refusal("e30.e30.e30.e30.e30").await,
        "the token is encrypted (five parts): only signed ones are read"
    );
    assert_eq!(
        house.refusal(&house.curve(&head(&json!({ "enc": "A256GCM" })))).await,
        "the token is encrypted (five parts): only signed ones are read"
    );
    assert_eq!(
        house.refusal(&house.curve(&head(&json!({ "cty": "JWT" })))).await,
        "the token holds another token or something else than claims (`cty`)"
    );
    assert_eq!(house.refusal(&house.curve(&head(&json!({ "zip": "DEF" })))).await, "the token is compressed (`zip`)");
    let inner = house.curve(&head(&json!({})));
    let nested = house.curve.sign(&head(&json!({})).to_string(), &inner, "");
    assert_eq!(house.refusal(&nested).await, "the claims of the token are not JSON that says everything once");
}

/// 2.4, 3.7: one reading of a text.
#[tokio::test]
async fn nothing_is_said_twice() {
    let house = House::new().await;
    let twice = house.claims().to_string().replacen('{', "{\"sub\":\"a\",", 1);
    let token = house.curve.sign(&head(&json!({})).to_string(), &twice, "");
    assert_eq!(house.refusal(&token).await, "the claims of the token are not JSON that says everything once");
    let token = house.curve.sign(r#"{"alg":"ES256","kid":"curve","alg":"none"}"#, &house.claims().to_string(), "");
    assert_eq!(house.refusal(&token).await, "the head of the token is not JSON that says everything once");
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(3000), "]".repeat(3000));
    let token = house.curve.sign(&head(&json!({})).to_string(), &deep, "");
    assert_eq!(house.refusal(&token).await, "the claims of the token are not JSON that says everything once");
}

/// 2.6, 3.10: nothing out of a token is followed or believed.
#[tokio::test]
async fn a_token_does_not_bring_its_key() {
    let house = House::new().await;
    let own = Signer::p256();
    let elsewhere = format!("{}/evil", house.server.issuer);
    for (member, value) in
        [("jwk", own.jwk("own")), ("jku", json!(elsewhere)), ("x5u", json!(elsewhere)), ("x5c", json!(["MII"]))]
    {
        let mut bad = head(&json!({ "kid": "own" }));
        bad[member] = value;
        let words = house.refusal(&own.token(&bad, &house.claims())).await;
        assert_eq!(
            words,
            format!("the token brings its own key or says where to fetch one (`{member}`): only published keys count")
        );
    }
    assert_eq!(house.server.asked("/evil"), 0);
    for crit in [json!(["exp"]), json!([]), json!(null)] {
        let words = house.refusal(&house.curve(&head(&json!({ "crit": crit })))).await;
        assert_eq!(words, "the token has critical extensions (`crit`): none is known here");
    }
    for kid in [json!(""), json!(7), json!("k".repeat(257)), json!(null)] {
        let words = house.refusal(&house.curve(&head(&json!({ "kid": kid })))).await;
        assert_eq!(words, "`kid` of the token is not a short text");
    }
    // 3.10: a `kid` is compared, never looked up anywhere.
    for kid in ["../../etc/passwd", "' or 1=1 --", "/dev/null"] {
        let words = house.refusal(&house.curve(&head(&json!({ "kid": kid })))).await;
        assert!(words.starts_with("the provider publishes no key "), "{words}");
    }
}

/// 2.7, 2.8, 3.8, 3.9, 3.11, 3.12: for us, from whom we know, of the kind that we want.
#[tokio::test]
async fn a_token_is_for_us_from_our_provider_and_of_the_right_kind() {
    let house = House::new().await;
    let with = |claim: &str, value: Value| {
        let mut claims = house.claims();
        claims[claim] = value;
        house.curve.token(&head(&json!({})), &claims)
    };
    assert_eq!(
        house.refusal(&with("aud", json!("account"))).await,
        "the token is for somebody else: `aud` does not contain the `audience` of its provider"
    );
    for other in ["https://evil.example", &format!("{}/", house.server.issuer), &house.server.issuer.to_uppercase()] {
        assert_eq!(
            house.refusal(&with("iss", json!(other))).await,
            format!("the token is from `{other}`, and no [[users.oidc]] has that issuer")
        );
    }
    for odd in [json!(null), json!(""), json!([house.server.issuer])] {
        assert_eq!(house.refusal(&with("iss", odd)).await, "the token has no `iss`");
    }
    for kind in ["logout+jwt", "secevent+jwt", "dpop+jwt", "JWE", "JOSE"] {
        let words = house.refusal(&house.curve(&head(&json!({ "typ": kind })))).await;
        assert_eq!(
            words,
            format!("the token is of another kind (`typ` `{kind}`): only JWT and at+jwt say who somebody is")
        );
    }
    let events = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
    assert_eq!(
        house.refusal(&with("events", events)).await,
        "the token tells of an event (`events`), not who somebody is"
    );
    let expired = house.try_bytes(with("exp", json!(NOW - 61)).as_bytes()).await.unwrap_err();
    assert_eq!(expired.why().printable_name(), Some("mueller"), "the provider did make it");
    assert_eq!(
        house.refusal(&with("exp", json!(NOW - 61))).await,
        "the token has expired: `exp` is 61 s ago, more than `skew` allows"
    );
}

/// A token is bounded before anything of it is looked at.
#[tokio::test]
async fn a_token_has_a_greatest_size() {
    let house = House::new().await;
    let mut claims = house.claims();
    claims["padding"] = json!("x".repeat(20_000));
    let words = house.refusal(&house.curve.token(&head(&json!({})), &claims)).await;
    assert_eq!(words, "the token is longer than `token` of [limits] allows (16384 bytes)");
}

/// What was sound for one provider says nothing at another one, even if it uses the same key.
#[tokio::test]
async fn providers_do_not_speak_for_each_other() {
    let house = House::new().await;
    let other = Server::start().await;
    let own = Signer::p256();
    other.publish(&[own.jwk("curve")]);
    let provider = settings(&other.issuer, &other.ca());
    let mut both = house.oidc.clone();
    both.push(Arc::new(Oidc::new(&provider, &users(), &Limits::default(), None).unwrap()));
    let token = own.token(&head(&json!({})), &house.claims());
    let refused = person(&both, token.as_bytes(), 1 << 14, NOW, Instant::now()).await.unwrap_err();
    assert_eq!(refused.to_string(), "the signature is not that of the key");
    let token = own.token(&head(&json!({})), &super::claims(&other.issuer));
    assert_eq!(person(&both, token.as_bytes(), 1 << 14, NOW, Instant::now()).await.unwrap().source, other.issuer);
}

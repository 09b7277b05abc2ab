//! Fetching keys: rotation, one question at a time, a provider that is away, slow or mad.

use super::server::{Reply, Server};
use super::signer::{Signer, key_set};
use super::{NOW, claims, settings, users};
use crate::config::Limits;
use crate::config::users::OidcProvider;
use crate::identity::oidc::{Oidc, person};
use crate::identity::people::Refused;
use crate::policy::User;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

struct Gate {
    oidc: Vec<Arc<Oidc>>,
    start: Instant,
}

impl Gate {
    fn new(server: &Server) -> Self {
        Self::with(&settings(&server.issuer, &server.ca()))
    }

    fn with(provider: &OidcProvider) -> Self {
        let limits = Limits { provider_wait: Duration::from_secs(20), ..Limits::default() };
        Self::of(Oidc::new(provider, &users(), &limits, None).unwrap())
    }

    fn of(oidc: Oidc) -> Self {
        Self { oidc: vec![Arc::new(oidc)], start: Instant::now() }
    }

    /// So long after the start.
    async fn after(&self, past: Duration, token: &str) -> Result<User, Refused> {
        person(&self.oidc, token.as_bytes(), 1 << 14, NOW, self.start + past).await
    }
}

fn token(signer: &Signer, kid: &str, server: &Server) -> String {
    signer.token(&json!({ "alg": "ES256", "kid": kid }), &claims(&server.issuer))
}

fn denied(outcome: &Result<User, Refused>) -> bool {
    matches!(outcome, Err(Refused::Denied(_)))
}

fn away(outcome: &Result<User, Refused>) -> bool {
    matches!(outcome, Err(Refused::Away(_)))
}

async fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20), "never came: {what}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_names_it() {
    let server = Server::start().await;
    let (old, new) = (Signer::p256(), Signer::p256());
    server.publish(&[old.jwk("old")]);
    let gate = Gate::new(&server);
    assert!(gate.after(Duration::ZERO, &token(&old, "old", &server)).await.is_ok());
    server.publish(&[new.jwk("new")]);
    assert!(gate.after(Duration::from_secs(1), &token(&new, "new", &server)).await.is_ok());
    assert_eq!(server.asked("/keys"), 2);
    // What was withdrawn no longer counts.
    let outcome = gate.after(Duration::from_secs(2), &token(&old, "old", &server)).await;
    assert_eq!(outcome.unwrap_err().to_string(), "the provider publishes no key `old`");
}

#[tokio::test]
async fn strangers_have_a_provider_asked_once_a_minute() {
    let server = Server::start().await;
    let signer = Signer::p256();
    server.publish(&[signer.jwk("key")]);
    let gate = Gate::new(&server);
    assert!(gate.after(Duration::ZERO, &token(&signer, "key", &server)).await.is_ok());
    for number in 0..20 {
        let outcome = gate.after(Duration::from_secs(number), &token(&signer, &format!("x{number}"), &server)).await;
        assert!(denied(&outcome));
    }
    assert_eq!(server.asked("/keys"), 2);
    assert!(denied(&gate.after(MINUTE, &token(&signer, "y", &server)).await));
    assert_eq!(server.asked("/keys"), 3);
    // Keys without a fault go on all the while.
    assert!(gate.after(MINUTE, &token(&signer, "key", &server)).await.is_ok());
    assert_eq!(server.asked("/keys"), 3);
}

#[tokio::test]
async fn many_callers_are_one_question() {
    let server = Server::start().await;
    let signer = Signer::p256();
    server.publish(&[signer.jwk("key")]);
    let gate = Arc::new(Gate::new(&server));
    server.hold();
    let token = token(&signer, "key", &server);
    let callers: Vec<_> = (0..50)
        .map(|_| {
            let (gate, token) = (Arc::clone(&gate), token.clone());
            tokio::spawn(async move { gate.after(Duration::ZERO, &token).await })
        })
        .collect();
    wait_until("the question", || server.asked("/.well-known/openid-configuration") > 0).await;
    // Some go away meanwhile: the question does not go with them.
    for caller in callers.iter().take(10) {
        caller.abort();
    }
    server.let_go(1000);
    let mut recognised = 0;
    for caller in callers {
        if let Ok(outcome) = caller.await {
            assert!(outcome.is_ok(), "{outcome:?}");
            recognised += 1;
        }
    }
    assert!(recognised >= 40);
    assert_eq!((server.asked("/.well-known/openid-configuration"), server.asked("/keys")), (1, 1));
}

#[tokio::test]
async fn a_caller_that_hangs_up_does_not_use_up_the_minute() {
    let server = Server::start().await;
    let (old, new) = (Signer::p256(), Signer::p256());
    server.publish(&[old.jwk("old")]);
    let gate = Arc::new(Gate::new(&server));
    assert!(gate.after(Duration::ZERO, &token(&old, "old", &server)).await.is_ok());
    server.publish(&[old.jwk("old"), new.jwk("new")]);
    server.hold();
    let stranger = {
        let (gate, token) = (Arc::clone(&gate), token(&old, "stranger", &server));
        tokio::spawn(async move { gate.after(Duration::from_secs(1), &token).await })
    };
    wait_until("the question", || server.asked("/.well-known/openid-configuration") == 2).await;
    stranger.abort();
    server.let_go(1000);
    assert!(gate.after(Duration::from_secs(2), &token(&new, "new", &server)).await.is_ok());
}

#[tokio::test]
async fn known_keys_go_on_for_a_stated_time() {
    let server = Server::start().await;
    let signer = Signer::p256();
    server.publish(&[signer.jwk("key")]);
    let mut provider = settings(&server.issuer, &server.ca());
    provider.keys_for = 10 * HOUR;
    let gate = Gate::with(&provider);
    let good = token(&signer, "key", &server);
    assert!(gate.after(Duration::ZERO, &good).await.is_ok());
    assert!(gate.oidc[0].is_up());
    server.reply_to_description(Reply::Hangup);
    assert!(gate.after(2 * HOUR, &good).await.is_ok());
    assert!(!gate.oidc[0].is_up(), "it was asked, for the keys were stale");
    let asked = server.asked("/.well-known/openid-configuration");
    assert!(gate.after(2 * HOUR + MINUTE, &good).await.is_ok());
    assert_eq!(server.asked("/.well-known/openid-configuration"), asked, "nobody waits for one that is away");
    // What is wrong by itself stays wrong, and what could be right is told to come back.
    assert!(denied(&gate.after(2 * HOUR + MINUTE, &token(&Signer::p256(), "key", &server)).await));
    assert!(away(&gate.after(2 * HOUR + MINUTE, &token(&signer, "other", &server)).await));
    let outcome = gate.after(10 * HOUR, &good).await;
    assert!(away(&outcome), "{outcome:?}");
    assert!(
        outcome
            .unwrap_err()
            .to_string()
            .starts_with("the provider is away, and its key is not known: `https://127.0.0.1:")
    );
    server.describe(&server.issuer);
    assert!(gate.after(10 * HOUR + MINUTE, &good).await.is_ok());
    assert!(gate.oidc[0].is_up() && gate.oidc[0].away().is_none());
}

#[tokio::test]
async fn keys_are_fresh_for_as_long_as_the_provider_says_and_an_hour_at_most() {
    for (fields, fresh) in [
        ("cache-control: max-age=600\r\n", 10 * MINUTE),
        ("cache-control: max-age=1\r\n", MINUTE),
        ("cache-control: no-store\r\n", MINUTE),
        ("cache-control: max-age=999999999\r\n", HOUR),
        ("", 15 * MINUTE),
    ] {
        let server = Server::start().await;
        let signer = Signer::p256();
        server.reply("/keys", Reply::with(fields, &key_set(&[signer.jwk("key")])));
        let gate = Gate::new(&server);
        let good = token(&signer, "key", &server);
        assert!(gate.after(Duration::ZERO, &good).await.is_ok());
        assert!(gate.after(fresh - Duration::from_secs(1), &good).await.is_ok());
        assert_eq!(server.asked("/keys"), 1, "{fields}");
        assert!(gate.after(fresh, &good).await.is_ok());
        assert_eq!(server.asked("/keys"), 2, "{fields}");
    }
}

#[tokio::test]
async fn a_mad_provider_is_one_that_is_away() {
    let server = Server::start().await;
    let signer = Signer::p256();
    let good = token(&signer, "key", &server);
    let keys = key_set(&[signer.jwk("key")]);
    let chunk = "x".repeat(0x10000);
    let endless =
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}", format!("10000\r\n{chunk}\r\n").repeat(20));
    let cases: Vec<(Reply, &str)> = vec![
        (Reply::status("302 Found\r\nlocation: https://127.0.0.1/evil"), "a redirect: these are not followed"),
        (Reply::status("503 Service Unavailable"), "the answer is 503, not 200"),
        (Reply::status("204 No Content"), "the answer is 204, not 200"),
        (Reply::with("content-encoding: gzip\r\n", &keys), "the answer is compressed"),
        (Reply::json(&vec![b' '; (1 << 20) + 1]), "the answer is longer than 1048576 bytes"),
        (Reply::Raw(endless.into_bytes()), "the answer is longer than 1048576 bytes"),
        (Reply::json(b"<html>"), "the keys are not JSON that says everything once"),
        (Reply::json(b"{\"keys\":[]}"), "the provider publishes no key that could check a signature"),
        (Reply::Raw(b"SSH-2.0-OpenSSH_9.9\r\n\r\n".to_vec()), "the answer is not HTTP/1.1"),
        (
            Reply::Raw(format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(200)).into_bytes()),
            "the answer is not HTTP/1.1",
        ),
        (Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"keys\":".to_vec()), "the answer is not HTTP/1.1"),
        (Reply::Hangup, "the answer is not HTTP/1.1"),
    ];
    for (reply, words) in cases {
        server.reply("/keys", reply);
        let outcome = Gate::new(&server).after(Duration::ZERO, &good).await;
        let Err(Refused::Away(why)) = outcome else { panic!("{words}: {outcome:?}") };
        assert!(why.words.contains(words), "{why} for {words}");
    }
    assert_eq!(server.asked("/evil"), 0);
    server.publish(&[signer.jwk("key")]);
    for (description, words) in [
        (
            json!({ "issuer": "https://evil.example", "jwks_uri": format!("{}/keys", server.issuer) }),
            "the description is of another issuer",
        ),
        (json!({ "jwks_uri": format!("{}/keys", server.issuer) }), "the description is of another issuer"),
        (json!({ "issuer": server.issuer }), "the description names no `jwks_uri`"),
        (
            json!({ "issuer": server.issuer, "jwks_uri": "http://127.0.0.1/keys" }),
            "`jwks_uri` of the description is not an https URL",
        ),
        (
            json!({ "issuer": server.issuer, "jwks_uri": "file:///etc/passwd" }),
            "`jwks_uri` of the description is not an https URL",
        ),
        (json!([]), "the description is not JSON that says everything once"),
    ] {
        server.reply_to_description(Reply::json(description.to_string().as_bytes()));
        let outcome = Gate::new(&server).after(Duration::ZERO, &good).await;
        let Err(Refused::Away(why)) = outcome else { panic!("{words}: {outcome:?}") };
        assert!(why.words.contains(words), "{why} for {words}");
    }
}

#[tokio::test]
async fn a_silent_provider_costs_the_time_that_is_configured_and_no_more() {
    let server = Server::start().await;
    let signer = Signer::p256();
    server.publish(&[signer.jwk("key")]);
    server.reply_to_description(Reply::Silence);
    let limits = Limits { provider_wait: Duration::from_millis(100), ..Limits::default() };
    let provider = settings(&server.issuer, &server.ca());
    let gate = Gate::of(Oidc::new(&provider, &users(), &limits, None).unwrap());
    let outcome = gate.after(Duration::ZERO, &token(&signer, "key", &server)).await;
    let Err(Refused::Away(why)) = outcome else { panic!("{outcome:?}") };
    assert!(why.words.contains("no answer within 100ms"), "{why}");
    // Whoever comes right after it is told so without another question.
    assert!(away(&gate.after(Duration::from_secs(1), &token(&signer, "key", &server)).await));
    assert_eq!(server.asked("/.well-known/openid-configuration"), 1);
}

#[tokio::test]
async fn a_probe_says_what_is_published() {
    let server = Server::start().await;
    let mut encryption = Signer::p256().jwk("enc");
    encryption["use"] = json!("enc");
    server.publish(&[Signer::p256().jwk("key"), encryption]);
    let gate = Gate::new(&server);
    let words = gate.oidc[0].probe().await.unwrap();
    assert_eq!(words, "usable keys: 1; left out: key 2: it is not for signatures (`use`)");
    server.reply("/keys", Reply::status("500 Internal Server Error"));
    assert!(gate.oidc[0].probe().await.unwrap_err().contains("the answer is 500"));
}

#[tokio::test]
async fn nobody_is_believed_whom_the_ca_does_not_vouch_for() {
    let (server, other) = (Server::start().await, Server::start().await);
    let signer = Signer::p256();
    server.publish(&[signer.jwk("key")]);
    let gate = Gate::with(&settings(&server.issuer, &other.ca()));
    assert!(away(&gate.after(Duration::ZERO, &token(&signer, "key", &server)).await));
    assert_eq!(server.asked("/.well-known/openid-configuration"), 0);
    // The right CA, another name.
    let named = server.issuer.replace("127.0.0.1", "localhost");
    let gate = Gate::with(&settings(&named, &server.ca()));
    let token = signer.token(&json!({ "alg": "ES256", "kid": "key" }), &claims(&named));
    assert!(away(&gate.after(Duration::ZERO, &token).await));
    assert_eq!(server.asked("/.well-known/openid-configuration"), 0);
}

#[tokio::test]
async fn keys_outlive_a_reload_unless_somebody_else_vouches_for_them() {
    let server = Server::start().await;
    let signer = Signer::p256();
    server.publish(&[signer.jwk("key")]);
    let provider = settings(&server.issuer, &server.ca());
    let before = Gate::with(&provider);
    let good = token(&signer, "key", &server);
    assert!(before.after(Duration::ZERO, &good).await.is_ok());
    let limits = Limits::default();
    let mut changed = provider.clone();
    changed.audience = "somebody else".to_owned();
    let after = Gate::of(Oidc::new(&changed, &users(), &limits, Some(&before.oidc[0])).unwrap());
    assert!(denied(&after.after(Duration::ZERO, &good).await), "the new audience counts");
    assert_eq!(server.asked("/keys"), 1, "and the keys are known");
    let other = Server::start().await;
    changed.ca = Some(other.ca());
    let after = Gate::of(Oidc::new(&changed, &users(), &limits, Some(&before.oidc[0])).unwrap());
    assert!(away(&after.after(Duration::ZERO, &good).await), "keys of a provider that nobody vouches for any more");
}

#[tokio::test]
async fn keys_are_fetched_before_anybody_needs_them() {
    let server = Server::start().await;
    let signer = Signer::p256();
    server.publish(&[signer.jwk("key")]);
    let gate = Gate::new(&server);
    let oidc = Arc::clone(&gate.oidc[0]);
    assert!(!oidc.is_up(), "not asked yet");
    let keeper = tokio::spawn(async move { oidc.keep().await });
    wait_until("the keys", || gate.oidc[0].is_up()).await;
    assert_eq!(server.asked("/keys"), 1);
    keeper.abort();
    server.reply_to_description(Reply::Hangup);
    assert!(gate.after(MINUTE, &token(&signer, "key", &server)).await.is_ok());
}

#[tokio::test]
async fn a_provider_that_is_back_is_noticed_while_its_keys_are_still_fresh() {
    let server = Server::start().await;
    let signer = Signer::p256();
    server.publish(&[signer.jwk("key")]);
    let gate = Gate::new(&server);
    assert!(gate.after(Duration::ZERO, &token(&signer, "key", &server)).await.is_ok());
    server.reply_to_description(Reply::Hangup);
    assert!(away(&gate.after(Duration::ZERO, &token(&signer, "unknown", &server)).await));
    assert!(!gate.oidc[0].is_up());
    server.describe(&server.issuer);
    let oidc = Arc::clone(&gate.oidc[0]);
    let keeper = tokio::spawn(async move { oidc.keep().await });
    wait_until("the provider", || gate.oidc[0].is_up()).await;
    keeper.abort();
}

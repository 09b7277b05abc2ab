//! What PostgreSQL alone can get wrong: it is elsewhere.

use crate::place::{Place, ae, grant, report, write_key};
use crate::server::{self, Server, Tls};
use dicomgate::state::{Database, Secret, State, StateFault, StateOptions};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;

/// Longer than anything takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);
const ANSWER: Duration = Duration::from_millis(800);

fn options(folder: &TempDir, url: String, ca: Option<PathBuf>) -> StateOptions {
    write_key(folder);
    let database = Some(Database { url: Secret::new(url), ca, key: folder.path().join("shared.key") });
    StateOptions { database, answer: ANSWER, ..StateOptions::new(folder.path(), Arc::new(|_| {}), crate::place::clock) }
}

async fn open(folder: &TempDir, url: String, ca: Option<PathBuf>) -> Result<State, StateFault> {
    State::open(options(folder, url, ca)).await
}

/// Asked once, within its time, it says that nobody is there.
async fn is_away(state: &State) {
    let begin = Instant::now();
    let fault = state.grant(grant()).await.unwrap_err();
    assert!(matches!(fault, StateFault::Away(_)), "{fault}");
    assert!(begin.elapsed() < ANSWER + Duration::from_secs(1), "{:?}", begin.elapsed());
}

async fn comes_back(state: &State) {
    let begin = Instant::now();
    while let Err(fault) = state.reachable().await {
        assert!(begin.elapsed() < PATIENCE, "{fault}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn it_is_stopped_in_the_middle_and_comes_back() {
    let mut server = Server::start(None);
    let name = server.database().await;
    let folder = tempfile::tempdir().unwrap();
    let state = open(&folder, server.url("gate", "127.0.0.1", &name, "disable"), None).await.unwrap();
    let made = state.grant(grant()).await.unwrap();
    state.put_report(report(1)).await.unwrap();
    let busy: Vec<_> = (0..8)
        .map(|_| {
            let state = state.clone();
            tokio::spawn(async move {
                loop {
                    match state.grant(grant()).await {
                        Ok(_) => tokio::task::yield_now().await,
                        Err(fault) => return fault,
                    }
                }
            })
        })
        .collect();
    tokio::task::yield_now().await;
    let server = tokio::task::spawn_blocking(move || {
        server.stop();
        server
    });
    for task in busy {
        let fault = tokio::time::timeout(PATIENCE, task).await.unwrap().unwrap();
        assert!(matches!(fault, StateFault::Away(_)), "{fault}");
    }
    let mut server = server.await.unwrap();
    is_away(&state).await;
    // A gateway that starts meanwhile does start.
    let replica = open(&folder, server.url("gate", "127.0.0.1", &name, "disable"), None).await.unwrap();
    is_away(&replica).await;
    server.run();
    for state in [&state, &replica] {
        comes_back(state).await;
        assert_eq!(state.grant_by_originator(ae("PACS"), ae("GATE"), made.message).await.unwrap(), Some(made.clone()));
        assert_eq!(state.count_reports().await.unwrap(), 1);
        state.grant(grant()).await.unwrap();
    }
}

/// Hands connections on to the server, until told to hold everything back.
async fn relay(to: u16) -> (u16, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (held, watched) = watch::channel(false);
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut watched = watched.clone();
            tokio::spawn(async move {
                let address = std::net::SocketAddr::from(([127, 0, 0, 1], to));
                drop(watched.wait_for(|held| !held).await.unwrap());
                let mut server = TcpSocket::new_v4().unwrap().connect(address).await.unwrap();
                let held = async { drop(watched.wait_for(|held| *held).await) };
                let held = tokio::select! {
                    _ = copy_bidirectional(&mut client, &mut server) => false,
                    () = held => true,
                };
                if held {
                    // The line is dead: nothing comes, and nobody says so. Both ends stay open.
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    (port, held)
}

#[tokio::test]
async fn a_dead_line_is_noticed_in_time() {
    let server = server::shared();
    let name = server.database().await;
    let (port, held) = relay(server.port).await;
    let url = server.url("gate", "127.0.0.1", &name, "disable").replace(&server.port.to_string(), &port.to_string());
    let folder = tempfile::tempdir().unwrap();
    let state = open(&folder, url, None).await.unwrap();
    for _ in 0..8 {
        state.grant(grant()).await.unwrap();
    }
    held.send(true).unwrap();
    let begin = Instant::now();
    let asking: Vec<_> = (0..64)
        .map(|_| {
            let state = state.clone();
            tokio::spawn(async move { is_away(&state).await })
        })
        .collect();
    for task in asking {
        task.await.unwrap();
    }
    assert!(begin.elapsed() < ANSWER + Duration::from_secs(1), "they waited one after another");
    is_away(&state).await;
    held.send(false).unwrap();
    comes_back(&state).await;
    for _ in 0..8 {
        state.grant(grant()).await.unwrap();
    }
}

#[tokio::test]
async fn somebody_holds_a_table_and_the_rest_goes_on() {
    let server = server::shared();
    let name = server.database().await;
    let folder = tempfile::tempdir().unwrap();
    let state = open(&folder, server.url("gate", "127.0.0.1", &name, "disable"), None).await.unwrap();
    state.grant(grant()).await.unwrap();
    let owner = server.owner(&name).await;
    owner.batch_execute("BEGIN; LOCK TABLE dicomgate_grant IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let away = is_away(&state);
    let rest = async {
        for _ in 0..3 {
            state.put_report(report(1)).await.unwrap();
        }
    };
    tokio::join!(away, rest);
    owner.batch_execute("COMMIT").await.unwrap();
    state.grant(grant()).await.unwrap();
}

#[tokio::test]
async fn many_gateways_make_the_tables_at_once() {
    let server = server::shared();
    let name = server.database().await;
    let place = Place::on(server, name);
    let opening: Vec<_> = (0..16).map(|_| tokio::spawn(State::open(place.options()))).collect();
    for state in opening {
        state.await.unwrap().unwrap().grant(grant()).await.unwrap();
    }
    assert_eq!((place.count("dicomgate_grant").await, place.count("dicomgate_schema").await), (16, 1));
}

/// The least that a role needs, when somebody else made the tables.
#[tokio::test]
async fn a_role_that_may_only_change_rows_is_enough() {
    let server = server::shared();
    let name = server.database().await;
    let folder = tempfile::tempdir().unwrap();
    drop(open(&folder, server.url("owner", "127.0.0.1", &name, "disable"), None).await.unwrap());
    let role = format!("row_{name}");
    let owner = server.owner(&name).await;
    owner
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'of the tests'; REVOKE CREATE ON SCHEMA public FROM public; \
             GRANT SELECT, INSERT, UPDATE, DELETE ON dicomgate_grant, dicomgate_seen, dicomgate_turn, \
             dicomgate_commitment, dicomgate_report, dicomgate_budget, dicomgate_lockout, dicomgate_quarantine, \
             dicomgate_review, dicomgate_sealed, dicomgate_told TO {role}; GRANT SELECT ON dicomgate_schema TO {role}"
        ))
        .await
        .unwrap();
    let state = open(&folder, server.url(&role, "127.0.0.1", &name, "disable"), None).await.unwrap();
    state.grant(grant()).await.unwrap();
    state.put_report(report(1)).await.unwrap();
    state.sweep(i64::MAX).await.unwrap();
    owner.batch_execute("UPDATE dicomgate_schema SET version = 99").await.unwrap();
    let newer = open(&folder, server.url(&role, "127.0.0.1", &name, "disable"), None).await.unwrap_err();
    assert!(matches!(&newer, StateFault::Settings(words) if words.contains("newer")), "{newer}");
}

#[tokio::test]
async fn a_wrong_password_or_database_is_said_at_once_and_not_shown() {
    let server = server::shared();
    let name = server.database().await;
    let folder = tempfile::tempdir().unwrap();
    let good = server.url("gate", "127.0.0.1", &name, "disable");
    for url in
        [good.replace("of%20the%20tests", "hunter2"), good.replace(&name, "nobodys"), good.replace("gate:", "root:")]
    {
        let fault = open(&folder, url, None).await.unwrap_err();
        assert!(matches!(fault, StateFault::Settings(_)), "{fault}");
        assert!(!fault.to_string().contains("hunter2") && !fault.to_string().contains("of the"), "{fault}");
    }
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    Authority { issuer: Issuer::new(params, key), pem }
}

#[tokio::test]
async fn over_tls_the_name_and_the_authority_must_be_right() {
    let (ours, others) = (authority(), authority());
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &ours.issuer).unwrap();
    let server = Server::start(Some(&Tls { certificate: certificate.pem(), key: key.serialize_pem() }));
    let name = server.database().await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, pem: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, pem).unwrap();
        Some(path)
    };
    let (good, bad) = (file("ours.pem", &ours.pem), file("others.pem", &others.pem));
    let url = |host: &str| server.url("gate", host, &name, "verify-full");

    let state = open(&folder, url("localhost"), good.clone()).await.unwrap();
    state.grant(grant()).await.unwrap();
    let owner = server.owner(&name).await;
    let spoken = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'gate' AND ssl \
        AND version = 'TLSv1.3'";
    assert!(owner.query_one(spoken, &[]).await.unwrap().get::<_, i64>(0) >= 1, "the server sees TLS");

    for (host, ca, why) in [("127.0.0.1", good.clone(), "another name"), ("localhost", bad, "another authority")] {
        let fault = open(&folder, url(host), ca).await.err().unwrap_or_else(|| panic!("accepted: {why}"));
        assert!(matches!(&fault, StateFault::Settings(words) if words.contains("certificate")), "{why}: {fault}");
    }
    assert!(matches!(open(&folder, url("localhost"), None).await, Err(StateFault::Settings(_))), "no authority");
    // A server that does not speak TLS is not spoken with in plain.
    let plain = server::shared();
    let name = plain.database().await;
    let state = open(&folder, plain.url("gate", "localhost", &name, "verify-full"), good).await;
    let fault = match state {
        Ok(state) => state.reachable().await.unwrap_err(),
        Err(fault) => fault,
    };
    assert!(fault.to_string().contains("TLS"), "{fault}");
    assert_eq!(
        plain
            .owner(&name)
            .await
            .query_one(
                "SELECT count(*) FROM pg_stat_activity WHERE usename = 'gate' AND datname = current_database()",
                &[]
            )
            .await
            .unwrap()
            .get::<_, i64>(0),
        0
    );
}

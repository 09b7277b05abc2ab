use super::*;
use crate::config;
use crate::identity::people::Where;

const NOW: i64 = 1_800_000_000;

/// People of a gateway whose `[users]` is this.
fn people(users: &str) -> People {
    let folder = tempfile::tempdir().unwrap();
    let gateway = "[gateway]\nname = \"gate-1\"\nstate = \"state\"\n\
        [[listen]]\nname = \"plain\"\naddress = \"127.0.0.1:0\"\ntls = \"off\"\nnetwork = [\"127.0.0.0/8\"]\n\
        [[archive]]\nae_title = \"PACS\"\naddress = \"127.0.0.1:4242\"\n[policy]\nfile = \"policy.toml\"\n";
    let peer = "[[peer]]\nae_titles = [\"CT1\"]\ntls = \"off\"\nnetwork = [\"127.0.0.0/8\"]\n";
    std::fs::write(folder.path().join("gateway.toml"), format!("{gateway}{users}")).unwrap();
    std::fs::write(folder.path().join("policy.toml"), peer).unwrap();
    std::fs::write(folder.path().join("people.toml"), "[mueller]\nphysician = [\"Müller^Anna\"]\n").unwrap();
    let settings = config::load(&folder.path().join("gateway.toml")).unwrap();
    People::new(&settings, None).unwrap().unwrap()
}

fn at() -> Where<'static> {
    Where {
        peer: "CT1",
        from: [127, 0, 0, 1].into(),
        tls: true,
        mutual: true,
        username_only: true,
        emergency: false,
        now: NOW,
    }
}

fn offered(kind: u8, primary: &[u8], secondary: &[u8]) -> UserIdentity {
    UserIdentity { kind, positive_response: false, primary: primary.to_vec(), secondary: secondary.to_vec() }
}

async fn words(people: &People, offered: &UserIdentity, at: Where<'_>) -> String {
    match people.authenticate(offered, at).await {
        Err(Refused::Denied(why)) => why.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_device_that_may_names_its_users() {
    let people = people("[users]\nmax_session = \"1h\"\nattributes = \"people.toml\"\n");
    let user = people.authenticate(&offered(1, b"mueller ", b""), at()).await.unwrap();
    assert_eq!((user.name.as_str(), user.source.as_str()), ("mueller", "device"));
    assert_eq!((user.until, user.emergency), (NOW + 3600, false));
    assert_eq!(user.values("user.physician"), ["Müller^Anna"]);
    assert!(user.roles.is_empty());
}

#[tokio::test]
async fn a_name_alone_needs_a_certificate_and_the_policy() {
    let people = people("[users]\n");
    for at in [
        Where { mutual: false, ..at() },
        Where { username_only: false, ..at() },
        Where { mutual: false, tls: false, ..at() },
    ] {
        assert!(words(&people, &offered(1, b"mueller", b""), at).await.starts_with("a user name without proof"));
    }
    assert!(words(&people, &offered(1, b"mueller", b"x"), at()).await.contains("type 1 with a passcode"));
    for odd in [&b""[..], b"  ", b"a\nb", &[0xff], "a\u{202e}".as_bytes(), &[b'a'; 257]] {
        words(&people, &offered(1, odd, b""), at()).await;
    }
}

#[tokio::test]
async fn other_types_are_refused_by_name() {
    let people = people("[users]\n");
    for kind in [0, 3, 4, 6, 255] {
        let expected =
            format!("user identity of type {kind}: only 1 (name), 2 (name and passcode) and 5 (token) are known");
        assert_eq!(words(&people, &offered(kind, b"x", b""), at()).await, expected);
    }
    assert_eq!(
        words(&people, &offered(2, b"mueller", b"secret"), at()).await,
        "a name and passcode, and there is neither [users.local] nor [users.ldap]"
    );
    assert_eq!(words(&people, &offered(5, b"a.b.c", b""), at()).await, "a token, and there is no [[users.oidc]]");
}

#[tokio::test]
async fn secrets_in_clear_are_not_looked_at() {
    let people = people("[users]\n");
    for kind in [2, 5] {
        let clear = Where { tls: false, mutual: false, ..at() };
        assert!(words(&people, &offered(kind, b"mueller", b"x"), clear).await.contains("came without TLS"));
    }
}

#[tokio::test]
async fn an_emergency_title_counts_with_a_certificate_alone() {
    let people = people("[users]\n");
    let asked = Where { emergency: true, ..at() };
    assert!(people.authenticate(&offered(1, b"mueller", b""), asked).await.unwrap().emergency);
}

#[test]
fn attributes_and_bounds_hold_for_every_source() {
    let people = people("[users]\nattributes = \"people.toml\"\n[limits]\nuser_roles = 2\n");
    let make = |user: User| complete(user, &people.users, &people.limits, &at());
    let user = User { name: "mueller".to_owned(), until: i64::MAX, ..User::default() };
    let roles = |roles: &[&str]| User { roles: roles.iter().map(|role| (*role).to_owned()).collect(), ..user.clone() };
    assert_eq!(make(roles(&["b", "a", "b"])).unwrap().roles, ["a", "b"]);
    assert!(make(roles(&["a", "b", "c"])).unwrap_err().to_string().contains("3 roles"));
    assert_eq!(make(user.clone()).unwrap().until, NOW + 8 * 3600);
    assert_eq!(make(User { until: NOW + 5, ..user.clone() }).unwrap().until, NOW + 5);
    let over = make(User { until: NOW, ..user.clone() }).unwrap_err();
    assert_eq!(over.why().printable_name(), Some("mueller"));
    assert!(make(User { name: "nobody\u{0}".to_owned(), ..user }).is_err());
}

/// Local accounts `off`, disabled, and `mueller` with the passcode `correct horse`, and a directory at this port.
fn with_directory(port: u16) -> People {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        path.display().to_string()
    };
    let phc = crate::identity::local::hash::new_phc(b"correct horse").unwrap();
    let account = |name: &str, more: &str| format!("[[user]]\nname = \"{name}\"\npassword = \"{phc}\"\n{more}");
    let accounts = file("users.toml", &(account("mueller", "") + &account("off", "disabled = true\n")));
    let mut ca = rcgen::CertificateParams::default();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = ca.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
    let (ca, password) = (file("ca.crt", &ca.pem()), file("ldap.password", "secret"));
    people(&format!(
        "[users]\nattributes = \"people.toml\"\n[users.local]\nfile = \"{accounts}\"\n\
         [users.ldap]\nurl = \"ldaps://127.0.0.1:{port}\"\nbase = \"dc=x\"\nbind_dn = \"cn=gate,dc=x\"\n\
         password_file = \"{password}\"\nca = \"{ca}\"\nroles = {{ \"cn=a,dc=x\" = \"a\" }}\n"
    ))
}

#[tokio::test]
async fn with_the_directory_away_no_answer_tells_who_has_a_local_account() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let people = with_directory(listener.local_addr().unwrap().port());
    let dialled = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&dialled);
    let directory = tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    });
    let local = people.local.as_ref().unwrap();
    let mut before = (local.computed(), 0);
    for (name, passcode) in [("nobody", "x"), ("mueller", "x"), ("mueller", ""), ("off", "correct horse"), ("Off", "x")]
    {
        let refused = people.authenticate(&offered(2, name.as_bytes(), passcode.as_bytes()), at()).await.unwrap_err();
        assert!(matches!(refused, Refused::Away(_)), "{name}: {refused}");
        assert_eq!(refused.why().printable_name(), Some(name));
        // One computation and one question each, whoever it is.
        let after = (local.computed(), dialled.load(std::sync::atomic::Ordering::SeqCst));
        assert_eq!(after, (before.0 + 1, before.1 + 1), "{name}");
        before = after;
    }
    // Whoever has the right passcode of an account needs no directory.
    let user = people.authenticate(&offered(2, b"mueller", b"correct horse"), at()).await.unwrap();
    assert_eq!((user.source.as_str(), dialled.load(std::sync::atomic::Ordering::SeqCst)), ("local", before.1));
    directory.abort();
}

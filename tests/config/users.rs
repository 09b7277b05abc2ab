//! `[users]`: providers, accounts, a directory, the file of attributes. Each fault in its words.

use super::{GATEWAY, House, POLICY, golden};
use dicomgate::config::Settings;
use dicomgate::config::users::{LdapGroups, TokenAlgorithm};
use std::time::Duration;

const OIDC: &str =
    "[[users.oidc]]\nissuer = \"https://login.hospital.example\"\naudience = \"dicomgate\"\nca = \"certs/ca.crt\"\n";

const LDAP: &str = r#"[users.ldap]
url = "ldaps://dc1.hospital.example"
base = "ou=people,dc=hospital,dc=example"
bind_dn = "cn=dicomgate,dc=hospital,dc=example"
password_file = "ldap.password"
[users.ldap.roles]
"cn=radiology,dc=hospital,dc=example" = "radiologist"
"cn=surgery,dc=hospital,dc=example" = ["surgeon", "reader"]
"#;

const PEOPLE: &str = "[mueller]\nphysician = [\"Müller^Anna\", \"MUELLER^ANNA\"]\nclinic = \"ORTHO\"\n";

fn house(users: &str) -> House {
    let house = House::new(&format!("{GATEWAY}{users}"), POLICY);
    house.write("people.toml", PEOPLE);
    for secret in ["ldap.password", "users.toml"] {
        house.write(secret, "");
        house.mode(secret, 0o600);
    }
    house
}

fn loaded(users: &str) -> Settings {
    let settings = house(users).load().unwrap();
    assert!(settings.source.warnings.is_empty(), "{:?}", settings.source.warnings);
    settings
}

#[test]
fn without_the_table_nobody_is_known() {
    assert!(loaded("").users.is_none());
}

#[test]
fn what_is_left_out_has_the_documented_defaults() {
    let users = loaded(OIDC).users.unwrap();
    assert_eq!((users.max_session, users.answer_after), (Duration::from_secs(8 * 3600), Duration::from_secs(1)));
    assert_eq!(users.emergency_scope, "break-glass");
    let provider = &users.oidc[0];
    assert_eq!(provider.issuer.as_str(), "https://login.hospital.example");
    assert_eq!((provider.roles.to_string(), &provider.name, provider.claims.len()), ("roles".to_owned(), &None, 0));
    assert_eq!((provider.skew, provider.keys_for), (Duration::from_secs(60), Duration::from_secs(86_400)));
    assert_eq!(provider.algorithms, TokenAlgorithm::DEFAULT);
    let users = loaded(LDAP).users.unwrap();
    let ldap = users.ldap.unwrap();
    assert_eq!((ldap.url.endpoint.to_string().as_str(), ldap.url.start_tls), ("dc1.hospital.example:636", false));
    assert_eq!(
        (ldap.user_filter.as_str(), &ldap.groups),
        ("(uid={user})", &LdapGroups::Attribute("memberOf".to_owned()))
    );
    let surgery = ldap.roles.iter().find(|(group, _)| group.contains("surgery")).unwrap();
    assert_eq!(surgery.1, ["surgeon", "reader"]);
}

#[test]
fn everything_can_be_said() {
    let more = "skew = \"5m\"\nroles = \"realm_access.roles\"\nname = \"upn\"\nclaims = [\"department\", \"address.locality\"]\n\
        algorithms = [\"PS512\"]\nkeys_for = \"0s\"\n[users.local]\nfile = \"users.toml\"\n";
    let head = "[users]\nmax_session = \"30m\"\nanswer_after = \"2s\"\nemergency_scope = \"emergency\"\nattributes = \"people.toml\"\n";
    let start_tls = LDAP.replace("ldaps://dc1.hospital.example", "ldap://[fd00::1]:1389");
    let settings = loaded(&format!("{head}{OIDC}{more}{start_tls}"));
    let users = settings.users.unwrap();
    assert_eq!(users.attributes["mueller"]["physician"], ["Müller^Anna", "MUELLER^ANNA"]);
    assert_eq!(users.attributes["mueller"]["clinic"], ["ORTHO"]);
    assert_eq!(users.oidc[0].algorithms, [TokenAlgorithm::PS512]);
    assert_eq!(users.oidc[0].roles.steps().collect::<Vec<_>>(), ["realm_access", "roles"]);
    let ldap = users.ldap.unwrap();
    assert_eq!((ldap.url.endpoint.to_string().as_str(), ldap.url.start_tls), ("[fd00::1]:1389", true));
    for file in ["people.toml", "users.toml", "ldap.password", "certs/ca.crt"] {
        assert!(settings.source.files.iter().any(|watched| watched.ends_with(file)), "{file} is not watched");
    }
}

#[test]
fn a_port_and_a_path_belong_to_an_issuer() {
    for (issuer, endpoint, target, authority) in [
        ("https://login.example", "login.example:443", "/", "login.example"),
        ("https://login.example/", "login.example:443", "/", "login.example"),
        ("https://10.0.0.1:8443/realms/a", "10.0.0.1:8443", "/realms/a", "10.0.0.1:8443"),
        ("https://[fd00::1]/a/b", "[fd00::1]:443", "/a/b", "[fd00::1]"),
    ] {
        let users = loaded(&OIDC.replace("https://login.hospital.example", issuer)).users.unwrap();
        let url = &users.oidc[0].issuer;
        assert_eq!((url.endpoint().to_string().as_str(), url.target(), url.authority()), (endpoint, target, authority));
    }
}

#[test]
fn every_fault_of_people_is_said_in_these_words() {
    let oidc = |from: &str, to: &str| {
        assert!(OIDC.contains(from), "{from}");
        OIDC.replacen(from, to, 1)
    };
    let ldap = |from: &str, to: &str| {
        assert!(LDAP.contains(from), "{from}");
        LDAP.replacen(from, to, 1)
    };
    let issuer = |url: &str| oidc("https://login.hospital.example", url);
    let cases: Vec<(&str, String)> = vec![
        ("no-source", "[users]\n".to_owned()),
        ("unknown-key", format!("[users]\nmax_sesion = \"8h\"\n{OIDC}")),
        (
            "times",
            format!(
                "[users]\nmax_session = \"30d\"\nanswer_after = \"10s\"\n{OIDC}skew = \"10m\"\nkeys_for = \"30d\"\n"
            ),
        ),
        ("scope", format!("[users]\nemergency_scope = \"break glass\"\n{OIDC}")),
        ("issuer-http", issuer("http://login.hospital.example")),
        ("issuer-bare", issuer("login.hospital.example")),
        ("issuer-user", issuer("https://a@login.hospital.example")),
        ("issuer-query", issuer("https://login.hospital.example/?a=b")),
        ("issuer-fragment", issuer("https://login.hospital.example/#a")),
        ("issuer-host", issuer("https://login..example")),
        ("issuer-twice", format!("{OIDC}{OIDC}")),
        ("missing", "[[users.oidc]]\n[users.local]\n[users.ldap]\n".to_owned()),
        ("single-provider", OIDC.replace("[[users.oidc]]", "[users.oidc]")),
        ("never", format!("{OIDC}algorithms = [\"none\", \"HS256\", \"ES512\", \"ES256\", \"ES256\"]\n")),
        ("no-algorithm", format!("{OIDC}algorithms = []\n")),
        ("claims", format!("{OIDC}claims = [\"a..b\", \"a\", \"a\"]\nroles = \".roles\"\n")),
        ("missing-ca", oidc("certs/ca.crt", "certs/idp.crt")),
        ("ldap-url", ldap("ldaps://", "http://")),
        ("ldap-bare", ldap("ldaps://dc1.hospital.example", "ldaps://dc1.hospital.example/dc=example")),
        ("ldap-filter", ldap("[users.ldap.roles]", "user_filter = \"uid={user}\"\n[users.ldap.roles]")),
        (
            "ldap-everybody",
            ldap("[users.ldap.roles]", "user_filter = \"(uid=*)\"\ngroup_filter = \"(member=*)\"\n[users.ldap.roles]"),
        ),
        (
            "ldap-groups-twice",
            ldap(
                "[users.ldap.roles]",
                "group_attribute = \"memberOf\"\ngroup_filter = \"(member={dn})\"\n[users.ldap.roles]",
            ),
        ),
        ("ldap-role", ldap("= \"radiologist\"", "= 7")),
        ("ldap-group", ldap("\"cn=radiology,dc=hospital,dc=example\"", "radiology")),
        ("ldap-password", ldap("ldap.password", "ldap.secret")),
        ("no-accounts", "[users.local]\nfile = \"accounts.toml\"\n".to_owned()),
        ("no-attributes", format!("[users]\nattributes = \"peeple.toml\"\n{OIDC}")),
        ("limits", format!("{OIDC}[limits]\ntoken = \"1MiB\"\nprovider_wait = 5\n")),
    ];
    let mut all = String::new();
    for (name, users) in cases {
        let words = house(&users).words();
        assert_ne!(words, "\n", "{name} is taken without a word");
        all.push_str(&format!("== {name}\n{words}\n"));
    }
    golden("users.txt", &all);
}

#[test]
fn faults_of_the_attributes_have_places() {
    let house = house(&format!("[users]\nattributes = \"people.toml\"\n{OIDC}"));
    house.write(
        "people.toml",
        "mueller = \"Müller^Anna\"\n[a.schmidt]\nphysician = \"Schmidt^A\"\n[bauer]\nphysician = 7\nname = \"B\"\n\
         \"two words\" = \"x\"\nclinic = [\"A\", 1]\nsite = \"N*\"\n[\"\"]\nclinic = \"A\"\n",
    );
    golden("attributes.txt", &house.words());
    house.write("people.toml", "[mueller\n");
    assert!(house.words().contains("people.toml:1:"), "{}", house.words());
    let many: Vec<String> = (0..65).map(|number| format!("\"v{number}\"")).collect();
    house.write("people.toml", &format!("[mueller]\nclinic = [{}]\n", many.join(",")));
    assert!(
        house.words().contains("`clinic` has 65 values, and `user_values` of `[limits]` is 64"),
        "{}",
        house.words()
    );
}

#[test]
fn secrets_that_others_can_read_are_weak() {
    let house = house(&format!("{LDAP}[users.local]\nfile = \"users.toml\"\n"));
    house.mode("users.toml", 0o644);
    house.mode("ldap.password", 0o604);
    let warnings = house.load().unwrap().source.warnings;
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings.iter().all(|warning| warning.message.contains("every user of this machine can read")));
}

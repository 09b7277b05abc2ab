//! Who gets in, who does not, and what each side is told.

use crate::clients::{BOTH, TLS12, TLS13, device, device_with};
use crate::world::{DAY, Odd, World, gate, now, shake};
use dicomgate::config::{CrlCheck, CrlExpired};
use dicomgate::pki::ca::{Reason, Which};
use dicomgate::pki::{CertificateFault, Mode, SessionLimits, TlsMaterial, server_config};
use dicomgate::policy::Anchor;
use rcgen::ExtendedKeyUsagePurpose;
use rustls::{AlertDescription, CipherSuite, NamedGroup, ProtocolVersion};
use std::sync::Arc;

#[test]
fn a_known_device_gets_in_with_the_best_that_both_can_do() {
    let world = World::new();
    let gate = gate(&world.files());
    let ended = shake(&gate.config, &Arc::new(device(&world, Some("ct1"), BOTH)));
    let server = ended.server.as_ref().unwrap();
    assert_eq!(server.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(server.negotiated_cipher_suite().unwrap().suite(), CipherSuite::TLS13_AES_256_GCM_SHA384);
    assert_eq!(server.negotiated_key_exchange_group().unwrap().name(), NamedGroup::X25519MLKEM768);
    let facts = ended.facts(&gate.verifier);
    assert_eq!(facts.dns.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["ct1.hospital.example"]);
    assert_eq!(facts.common_name.as_deref(), Some("ct1"));
    assert_eq!(facts.anchor, Anchor::ClientCa);
    assert_eq!(facts.subject, "CN=ct1");
    assert_eq!(facts.spki, world.spki("ct1"));
    assert!((now() + 99 * DAY..=now() + 100 * DAY).contains(&facts.not_after));
}

#[test]
fn tls_1_2_is_enough() {
    let world = World::new();
    let gate = gate(&world.files());
    let ended = shake(&gate.config, &Arc::new(device(&world, Some("ct1"), TLS12)));
    let suite = ended.server.as_ref().unwrap().negotiated_cipher_suite().unwrap().suite();
    assert_eq!(suite, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384);
    assert_eq!(ended.facts(&gate.verifier).common_name.as_deref(), Some("ct1"));
}

#[test]
fn no_certificate_no_entry() {
    let world = World::new();
    let gate = gate(&world.files());
    let (alert, short, words) = shake(&gate.config, &Arc::new(device(&world, None, TLS13))).refusal();
    assert_eq!((alert, short), (AlertDescription::CertificateRequired, "no_certificate"));
    assert!(words.starts_with("no certificate shown"), "{words}");
    let ended = shake(&gate.config, &Arc::new(device(&world, None, TLS12)));
    assert_eq!(ended.refusal().1, "no_certificate");
}

#[test]
fn a_listener_without_client_certificates_takes_anybody() {
    let world = World::new();
    let material = TlsMaterial::load(&world.files(), now()).unwrap();
    let config = server_config(&material, Mode::Server, SessionLimits::default()).unwrap();
    let ended = shake(&config, &Arc::new(device(&world, None, BOTH)));
    assert!(ended.server.unwrap().peer_certificates().is_none());
}

#[test]
fn each_wrong_certificate_gets_its_own_alert_and_words() {
    let world = World::new();
    world.odd("late", Some("ca"), &Odd { from: -2 * DAY, until: -DAY, ..Odd::new() });
    world.odd("early", Some("ca"), &Odd { from: DAY, until: 2 * DAY, ..Odd::new() });
    world.odd("server", Some("ca"), &Odd { usage: vec![ExtendedKeyUsagePurpose::ServerAuth], ..Odd::new() });
    world.odd("foreign-ca", None, &Odd { authority: true, ..Odd::new() });
    world.odd("foreign", Some("foreign-ca"), &Odd::new());
    world.odd("alone", None, &Odd::new());
    world.write("usage.ext", "extendedKeyUsage=clientAuth\n");
    world.openssl("req -newkey rsa:2048 -nodes -keyout sha1.key -out sha1.csr -subj /CN=sha1");
    world.openssl("x509 -req -in sha1.csr -CA ca.crt -CAkey ca.key -CAcreateserial -sha1 -days 9 -out sha1.crt -extfile usage.ext");
    let gate = gate(&world.files());
    for (name, alert, short, words) in [
        ("late", AlertDescription::CertificateExpired, "expired", "certificate of `CN=late` expired 20"),
        ("early", AlertDescription::CertificateExpired, "not_yet_valid", "`CN=early` is not valid before 20"),
        ("server", AlertDescription::UnsupportedCertificate, "wrong_purpose", "lacks client authentication"),
        ("foreign", AlertDescription::UnknownCA, "unknown_issuer", "a CA we do not know: CN=foreign-ca"),
        ("alone", AlertDescription::UnknownCA, "unknown_issuer", "(self-signed)"),
        ("sha1", AlertDescription::BadCertificate, "weak_certificate", "signed with SHA-1"),
    ] {
        for versions in [TLS12, TLS13] {
            let ended = shake(&gate.config, &Arc::new(device(&world, Some(name), versions)));
            let (got_alert, got_short, got_words) = ended.refusal();
            assert_eq!((got_alert, got_short), (alert, short), "{name}: {got_words}");
            assert!(got_words.contains(words), "{name}: {got_words}");
        }
    }
}

#[test]
fn a_certificate_without_its_key_is_worth_nothing() {
    let world = World::new();
    world.issue("ct2", false);
    let gate = gate(&world.files());
    for versions in [TLS12, TLS13] {
        let stolen = device_with(&world, "ct1.crt", "ct2.key", versions);
        let ended = shake(&gate.config, &Arc::new(stolen));
        assert_eq!(ended.refusal().0, AlertDescription::DecryptError);
    }
}

#[test]
fn a_revoked_certificate_is_refused_and_the_others_are_not() {
    let world = World::new();
    world.issue("ct2", false);
    world.ca().revoke(&Which::Name("ct1".into()), Reason::KeyCompromise, now()).unwrap();
    let gate = gate(&dicomgate::pki::TlsFiles { crl: Some(world.path("ca.crl")), ..world.files() });
    let (alert, short, words) = shake(&gate.config, &Arc::new(device(&world, Some("ct1"), BOTH))).refusal();
    assert_eq!((alert, short), (AlertDescription::CertificateRevoked, "revoked"), "{words}");
    assert!(shake(&gate.config, &Arc::new(device(&world, Some("ct2"), BOTH))).server.is_ok());
}

#[test]
fn a_revoked_intermediate_is_found_when_the_whole_chain_is_checked() {
    let world = World::new();
    world.odd("root", None, &Odd { authority: true, ..Odd::new() });
    world.odd("middle", Some("root"), &Odd { authority: true, ..Odd::new() });
    world.odd("mr1", Some("middle"), &Odd::new());
    world.write("chain.crt", &(world.read("mr1.crt") + &world.read("middle.crt")));
    let middle = crate::world::certificate(&world.path("middle.crt"));
    let list = |issuer: &str, revoked: Option<&[u8]>| {
        let at = |days: i64| {
            let seconds = u64::try_from(now() + days * DAY).unwrap();
            rcgen::date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(seconds)
        };
        let params = rcgen::CertificateRevocationListParams {
            this_update: at(-1),
            next_update: at(1),
            crl_number: 1u64.into(),
            issuing_distribution_point: None,
            revoked_certs: revoked
                .map(|serial| rcgen::RevokedCertParams {
                    serial_number: rcgen::SerialNumber::from_slice(serial),
                    revocation_time: at(-1),
                    reason_code: None,
                    invalidity_date: None,
                })
                .into_iter()
                .collect(),
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        params.signed_by(&world.issuer(issuer)).unwrap().pem().unwrap()
    };
    let (_, parsed) = x509_parser::parse_x509_certificate(&middle[0]).unwrap();
    let files = |crl: &str, crl_check| dicomgate::pki::TlsFiles {
        client_ca: Some(world.path("root.crt")),
        crl: Some(world.path(crl)),
        crl_check,
        ..world.files()
    };
    world.write("lists.crl", &(list("root", Some(parsed.raw_serial())) + &list("middle", None)));
    let mr1 = Arc::new(device_with(&world, "chain.crt", "mr1.key", BOTH));
    let refused = shake(&gate(&files("lists.crl", CrlCheck::Chain)).config, &mr1);
    assert_eq!(refused.refusal().1, "revoked");
    assert!(shake(&gate(&files("lists.crl", CrlCheck::Leaf)).config, &mr1).server.is_ok());
    // a list of the root alone says nothing about what the intermediate issued
    world.write("root.crl", &list("root", None));
    let unknown = shake(&gate(&files("root.crl", CrlCheck::Leaf)).config, &mr1);
    assert_eq!(unknown.refusal().1, "revocation_unknown");
}

#[test]
fn an_old_list_is_used_or_refused_as_configured() {
    let world = World::new();
    world.ca().refresh(now() - 400 * DAY).unwrap();
    let files =
        |crl_expired| dicomgate::pki::TlsFiles { crl: Some(world.path("ca.crl")), crl_expired, ..world.files() };
    let ct1 = Arc::new(device(&world, Some("ct1"), BOTH));
    let warned = TlsMaterial::load(&files(CrlExpired::Warn), now()).unwrap().warnings;
    assert!(
        warned.iter().any(|warning| warning.to_string().contains("revocation list of `CN=Hospital DICOM CA` ended"))
    );
    assert!(shake(&gate(&files(CrlExpired::Warn)).config, &ct1).server.is_ok());
    assert_eq!(shake(&gate(&files(CrlExpired::Refuse)).config, &ct1).refusal().1, "crl_expired");
}

#[test]
fn a_partners_ca_is_told_apart_from_our_own() {
    let world = World::new();
    world.odd("partner-ca", None, &Odd { authority: true, ..Odd::new() });
    world.odd("clinic", Some("partner-ca"), &Odd::new());
    let mut files = world.files();
    files.crl = Some(world.path("ca.crl"));
    files.peers.trust = vec![("certs/partner-ca.crt".into(), world.path("partner-ca.crt"))];
    let gate = gate(&files);
    let clinic = shake(&gate.config, &Arc::new(device(&world, Some("clinic"), BOTH)));
    assert_eq!(clinic.facts(&gate.verifier).anchor, Anchor::Peer("certs/partner-ca.crt".into()));
    let ct1 = shake(&gate.config, &Arc::new(device(&world, Some("ct1"), BOTH)));
    assert_eq!(ct1.facts(&gate.verifier).anchor, Anchor::ClientCa);
}

#[test]
fn a_ca_is_known_by_its_key_and_not_by_its_name() {
    let (ours, theirs) = (World::new(), World::new());
    let stranger = Arc::new(device(&theirs, Some("ct1"), BOTH));
    let (alert, short, words) = shake(&gate(&ours.files()).config, &stranger).refusal();
    assert_eq!((alert, short), (AlertDescription::UnknownCA, "unknown_issuer"));
    assert!(words.contains("CN=Hospital DICOM CA") && words.contains("another key"), "{words}");
    // a partner who left the name as it was proposed, too
    let mut files = ours.files();
    files.peers.trust = vec![("partner.crt".into(), theirs.path("ca.crt"))];
    let gate = gate(&files);
    let partner = shake(&gate.config, &stranger);
    assert_eq!(partner.facts(&gate.verifier).anchor, Anchor::Peer("partner.crt".into()));
    let ct1 = shake(&gate.config, &Arc::new(device(&ours, Some("ct1"), BOTH)));
    assert_eq!(ct1.facts(&gate.verifier).anchor, Anchor::ClientCa);
}

#[test]
fn openssl_agrees_with_what_the_ca_issues_and_revokes() {
    let world = World::new();
    world.issue("ct2", false);
    world.ca().revoke(&Which::Name("ct2".into()), Reason::Superseded, now()).unwrap();
    world.openssl("verify -x509_strict -purpose sslclient -CAfile ca.crt -crl_check -CRLfile ca.crl ct1.crt");
    world.openssl("verify -x509_strict -purpose sslserver -CAfile ca.crt -crl_check -CRLfile ca.crl gateway.crt");
    let fails = |arguments: &str| {
        let mut openssl = std::process::Command::new("openssl");
        !openssl.args(arguments.split(' ')).current_dir(world.dir.path()).output().unwrap().status.success()
    };
    assert!(fails("verify -CAfile ca.crt -crl_check -CRLfile ca.crl ct2.crt"));
    assert!(fails("verify -purpose sslserver -CAfile ca.crt ct1.crt"));
}

#[test]
fn a_ca_past_its_end_vouches_for_nobody() {
    let world = World::new();
    world.odd("old-ca", None, &Odd { authority: true, from: -3 * DAY, until: -DAY, ..Odd::new() });
    world.odd("us1", Some("old-ca"), &Odd::new());
    let files = dicomgate::pki::TlsFiles { client_ca: Some(world.path("old-ca.crt")), ..world.files() };
    let refused = shake(&gate(&files).config, &Arc::new(device(&world, Some("us1"), BOTH))).refusal();
    assert_eq!((refused.0, refused.1), (AlertDescription::CertificateExpired, "issuer_expired"), "{}", refused.2);
}

#[test]
fn an_endless_chain_is_not_read() {
    let world = World::new();
    let gate = gate(&world.files());
    let chain = vec![crate::world::certificate(&world.path("ct1.crt")).remove(0); 9];
    assert_eq!(gate.verifier.recheck(&chain, now()), Err(CertificateFault::TooMany(9)));
    assert!(gate.verifier.recheck(&chain[..8], now()).is_ok());
    assert_eq!(gate.verifier.recheck(&[], now()), Err(CertificateFault::Missing));
}

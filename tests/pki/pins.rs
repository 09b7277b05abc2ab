//! Pinned keys: certificates that no CA vouches for, as old devices have them.

use crate::clients::{TLS12, TLS13, device, device_with};
use crate::world::{DAY, Odd, World, gate, shake};
use dicomgate::pki::ca::{Reason, Which};
use dicomgate::pki::{PeerTrust, TlsFiles};
use dicomgate::policy::Anchor;
use rustls::AlertDescription;
use std::sync::Arc;

fn pinned(world: &World, names: &[&str]) -> TlsFiles {
    let pins = names.iter().map(|name| world.spki(name)).collect();
    TlsFiles { peers: PeerTrust { pins, trust: Vec::new() }, ..world.files() }
}

#[test]
fn self_signed_expired_and_version_1_certificates_work_once_pinned() {
    let world = World::new();
    world.odd("alone", None, &Odd::new());
    world.odd("late", Some("ca"), &Odd { from: -2 * DAY, until: -DAY, ..Odd::new() });
    for (name, key) in [
        ("v1-ec", "ec -pkeyopt ec_paramgen_curve:P-256"),
        ("v1-p384", "ec -pkeyopt ec_paramgen_curve:P-384"),
        ("v1-rsa", "rsa:2048"),
    ] {
        world.openssl(&format!("req -newkey {key} -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        world.openssl(&format!("x509 -req -in {name}.csr -signkey {name}.key -sha1 -days 9 -out {name}.crt"));
    }
    let names = ["alone", "late", "v1-ec", "v1-p384", "v1-rsa"];
    let (with, without) = (gate(&pinned(&world, &names)), gate(&world.files()));
    for name in names {
        for versions in [TLS12, TLS13] {
            let device = Arc::new(device(&world, Some(name), versions));
            let ended = shake(&with.config, &device);
            assert!(ended.server.is_ok(), "{name}: {:?}", ended.refused);
            let facts = ended.facts(&with.verifier);
            assert_eq!((&facts.anchor, facts.spki), (&Anchor::Pinned, world.spki(name)), "{name}");
            assert!(shake(&without.config, &device).server.is_err(), "{name} without its pin");
        }
    }
    let (alert, short, words) = shake(&without.config, &Arc::new(device(&world, Some("v1-rsa"), TLS13))).refusal();
    assert_eq!((alert, short), (AlertDescription::CertificateUnknown, "version_1"));
    assert!(words.contains("CN=v1-rsa") && words.contains("sha256:"), "{words}");
}

#[test]
fn a_pin_asks_for_the_key_and_not_for_the_certificate() {
    let world = World::new();
    world.odd("alone", None, &Odd::new());
    world.odd("other", None, &Odd::new());
    let gate = gate(&pinned(&world, &["alone"]));
    for versions in [TLS12, TLS13] {
        // the pinned certificate, shown by somebody who has not got its key
        let thief = shake(&gate.config, &Arc::new(device_with(&world, "alone.crt", "other.key", versions)));
        assert_eq!(thief.refusal().0, AlertDescription::DecryptError);
        // the same names on another key
        let other = shake(&gate.config, &Arc::new(device(&world, Some("other"), versions)));
        assert_eq!(other.refusal().0, AlertDescription::UnknownCA);
    }
}

#[test]
fn a_device_that_a_ca_vouches_for_keeps_its_names_when_it_is_pinned_too() {
    let world = World::new();
    let gate = gate(&pinned(&world, &["ct1"]));
    let ended = shake(&gate.config, &Arc::new(device(&world, Some("ct1"), TLS13)));
    assert_eq!(ended.facts(&gate.verifier).anchor, Anchor::ClientCa);
}

#[test]
fn a_pin_does_not_bring_a_revoked_certificate_back() {
    let world = World::new();
    world.ca().revoke(&Which::Name("ct1".into()), Reason::KeyCompromise, crate::world::now()).unwrap();
    let mut files = TlsFiles { crl: Some(world.path("ca.crl")), ..pinned(&world, &["ct1"]) };
    let ct1 = Arc::new(device(&world, Some("ct1"), TLS13));
    assert_eq!(shake(&gate(&files).config, &ct1).refusal().1, "revoked");
    // nor where the CA itself is not trusted here
    files.client_ca = None;
    assert_eq!(shake(&gate(&files).config, &ct1).refusal().1, "revoked");
}

#[test]
fn short_rsa_keys_are_refused_even_pinned() {
    let world = World::new();
    world.openssl("req -x509 -newkey rsa:1024 -nodes -keyout short.key -out short.crt -subj /CN=short -days 9");
    let verifier = gate(&pinned(&world, &["short"])).verifier;
    let fault =
        verifier.recheck(&crate::world::certificate(&world.path("short.crt")), crate::world::now()).unwrap_err();
    assert_eq!(fault.short(), "weak_certificate");
    assert!(fault.to_string().contains("1024 bits"), "{fault}");
}

#[test]
fn ca_names_are_hinted_unless_a_pinned_device_might_be_put_off() {
    use rustls::server::danger::ClientCertVerifier;
    let world = World::new();
    assert_eq!(gate(&world.files()).verifier.root_hint_subjects().len(), 1);
    assert!(gate(&pinned(&world, &["ct1"])).verifier.root_hint_subjects().is_empty());
}

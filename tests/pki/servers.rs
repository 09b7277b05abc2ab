//! Dialling: which server the gateway believes.

use crate::world::{Odd, World, now, shake_as};
use dicomgate::pki::{Expected, Mode, PeerTrust, SessionLimits, TlsFiles, TlsMaterial, client_config, server_config};
use dicomgate::policy::Anchor;
use dicomgate::policy::model::CertificatePattern;
use rcgen::ExtendedKeyUsagePurpose;
use std::sync::Arc;

/// A PACS with a certificate of this name, which wants ours; what comes of dialling it.
fn dial(world: &World, name: &str, dialled: &str, expected: Expected, peers: PeerTrust) -> Result<(), &'static str> {
    let (certificate, private_key) = (world.path(&format!("{name}.crt")), world.path(&format!("{name}.key")));
    let pacs = TlsMaterial::load(&TlsFiles { certificate, private_key, ..world.files() }, now()).unwrap();
    let pacs = server_config(&pacs, Mode::Mutual, SessionLimits::default()).unwrap();
    let ours = TlsMaterial::load(&TlsFiles { peers, ..world.files() }, now()).unwrap();
    let ended = shake_as(&pacs, &client_config(&ours, expected).unwrap(), dialled);
    match ended.client {
        Ok(_) => {
            // our own certificate was shown
            assert_eq!(ended.server.unwrap().peer_certificates(), Some(ours.identity.cert.as_slice()));
            Ok(())
        }
        Err(fault) => Err(dicomgate::pki::explain(&fault).short),
    }
}

fn dns(name: &str) -> Expected {
    Expected::ours(Some(CertificatePattern::Dns(name.into())))
}

#[test]
fn the_expected_server_is_believed_whatever_address_was_dialled() {
    let world = World::new();
    world.issue("pacs", true);
    let dial = |expected, dialled| dial(&world, "pacs", dialled, expected, PeerTrust::default());
    assert_eq!(dial(dns("pacs.hospital.example"), "10.0.0.9"), Ok(()));
    assert_eq!(dial(Expected::ours(Some(CertificatePattern::CommonName("pacs".into()))), "10.0.0.9"), Ok(()));
    assert_eq!(dial(Expected::ours(Some(CertificatePattern::Any)), "10.0.0.9"), Ok(()));
    assert_eq!(dial(dns("ris.hospital.example"), "pacs.hospital.example"), Err("wrong_name"));
    assert_eq!(dial(Expected::ours(None), "127.0.0.1"), Ok(()));
    assert_eq!(dial(Expected::ours(None), "pacs.hospital.example"), Ok(()));
    assert_eq!(dial(Expected::ours(None), "10.0.0.9"), Err("wrong_name"));
}

#[test]
fn a_device_certificate_does_not_make_a_server() {
    let world = World::new();
    let expected = dns("ct1.hospital.example");
    assert_eq!(dial(&world, "ct1", "10.0.0.9", expected, PeerTrust::default()), Err("wrong_purpose"));
}

#[test]
fn a_pinned_server_needs_nothing_but_its_key() {
    let world = World::new();
    world.odd("old-pacs", None, &Odd { from: -3 * crate::world::DAY, until: -crate::world::DAY, ..Odd::new() });
    let pin = |name: &str| Expected::ours(Some(CertificatePattern::Spki(world.spki(name))));
    assert_eq!(dial(&world, "old-pacs", "10.0.0.9", pin("old-pacs"), PeerTrust::default()), Ok(()));
    assert_eq!(dial(&world, "old-pacs", "10.0.0.9", pin("ct1"), PeerTrust::default()), Err("wrong_name"));
}

#[test]
fn a_partners_ca_cannot_speak_for_our_archive() {
    let world = World::new();
    let usage = vec![ExtendedKeyUsagePurpose::ServerAuth];
    world.odd("partner-ca", None, &Odd { authority: true, ..Odd::new() });
    world.odd("pacs", Some("partner-ca"), &Odd { usage, ..Odd::new() });
    let trust = PeerTrust { trust: vec![("partner.crt".into(), world.path("partner-ca.crt"))], ..PeerTrust::default() };
    let ours = dns("pacs.hospital.example");
    assert_eq!(dial(&world, "pacs", "10.0.0.9", ours.clone(), trust.clone()), Err("unknown_issuer"));
    let theirs = Expected { anchor: Anchor::Peer(Arc::from("partner.crt")), ..ours };
    assert_eq!(dial(&world, "pacs", "10.0.0.9", theirs, trust), Ok(()));
}

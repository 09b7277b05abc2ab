//! Resumed sessions: few, short, and checked again; ALPN and versions.

use crate::clients::{BOTH, TLS12, TLS13, device};
use crate::world::{DAY, World, gate, now, shake};
use dicomgate::pki::ca::{Reason, Which};
use dicomgate::pki::{Mode, SessionLimits, TlsFiles, TlsMaterial, explain, server_config};
use rustls::{AlertDescription, HandshakeKind, ServerConnection};
use std::sync::Arc;

#[test]
fn a_resumed_session_is_checked_again_and_a_revoked_one_is_found() {
    for versions in [TLS12, TLS13] {
        let world = World::new();
        let gate_then = gate(&world.files());
        let ct1 = Arc::new(device(&world, Some("ct1"), versions));
        assert_eq!(shake(&gate_then.config, &ct1).server.unwrap().handshake_kind(), Some(HandshakeKind::Full));

        let resumed = shake(&gate_then.config, &ct1);
        assert_eq!(resumed.server.as_ref().unwrap().handshake_kind(), Some(HandshakeKind::Resumed));
        assert_eq!(resumed.facts(&gate_then.verifier).common_name.as_deref(), Some("ct1"));
        // the certificate ends while the session lives on
        let chain = resumed.server.as_ref().unwrap().peer_certificates().unwrap();
        assert_eq!(gate_then.verifier.recheck(chain, now() + 101 * DAY).unwrap_err().short(), "expired");
        // the clock goes back behind its beginning
        assert_eq!(gate_then.verifier.recheck(chain, now() - DAY).unwrap_err().short(), "not_yet_valid");

        world.ca().revoke(&Which::Name("ct1".into()), Reason::KeyCompromise, now()).unwrap();
        let gate_now = gate(&TlsFiles { crl: Some(world.path("ca.crl")), ..world.files() });
        assert_eq!(gate_now.verifier.recheck(chain, now()).unwrap_err().short(), "revoked");
        // and the new configuration does not know the old session
        assert_eq!(shake(&gate_now.config, &ct1).refusal().1, "revoked");
    }
}

#[test]
fn a_ticket_works_once_and_there_is_one() {
    let world = World::new();
    let gate = gate(&world.files());
    let ct1 = Arc::new(device(&world, Some("ct1"), TLS13));
    let first = shake(&gate.config, &ct1);
    assert_eq!(first.client.unwrap().tls13_tickets_received(), 1);
    assert_eq!(shake(&gate.config, &ct1).server.unwrap().handshake_kind(), Some(HandshakeKind::Resumed));
    assert_eq!(gate.config.max_early_data_size, 0);
    assert!(!gate.config.ticketer.enabled());
}

#[test]
fn resumption_can_be_switched_off() {
    let world = World::new();
    let material = TlsMaterial::load(&world.files(), now()).unwrap();
    let limits = SessionLimits { sessions: 0, ..SessionLimits::default() };
    let config = server_config(&material, Mode::Mutual, limits).unwrap();
    let ct1 = Arc::new(device(&world, Some("ct1"), BOTH));
    for _ in 0..2 {
        assert_eq!(shake(&config, &ct1).server.unwrap().handshake_kind(), Some(HandshakeKind::Full));
    }
}

#[test]
fn alpn_is_dicom_or_nothing() {
    let world = World::new();
    let gate = gate(&world.files());
    let offering = |protocols: &[&str]| {
        let mut device = device(&world, Some("ct1"), BOTH);
        device.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        shake(&gate.config, &Arc::new(device))
    };
    assert_eq!(offering(&["dicom"]).server.unwrap().alpn_protocol(), Some(&b"dicom"[..]));
    assert_eq!(offering(&["h2", "dicom"]).server.unwrap().alpn_protocol(), Some(&b"dicom"[..]));
    assert_eq!(offering(&[]).server.unwrap().alpn_protocol(), None);
    let (alert, short, _) = offering(&["h2", "http/1.1"]).refusal();
    assert_eq!((alert, short), (AlertDescription::NoApplicationProtocol, "wrong_protocol"));
}

/// A ClientHello that offers TLS 1.1 at best (RFC 4346 7.4.1.2), with these extensions.
fn tls_1_1(extensions: &[u8]) -> Vec<u8> {
    let mut hello = vec![0x03, 0x02];
    hello.extend([7; 32]);
    hello.push(0);
    hello.extend([0, 4, 0xc0, 0x14, 0x00, 0x2f]);
    hello.extend([1, 0]);
    if !extensions.is_empty() {
        hello.extend([0, u8::try_from(extensions.len()).unwrap()]);
        hello.extend(extensions);
    }
    let length = u8::try_from(hello.len()).unwrap();
    [&[0x16, 0x03, 0x01, 0, length + 4, 1, 0, 0, length][..], &hello].concat()
}

#[test]
fn tls_1_1_and_other_protocols_are_refused_in_words() {
    let world = World::new();
    let gate = gate(&world.files());
    let say = |bytes: &[u8]| {
        let mut server = ServerConnection::new(Arc::clone(&gate.config)).unwrap();
        server.read_tls(&mut &*bytes).unwrap();
        let refused = explain(&server.process_new_packets().unwrap_err());
        let mut answer = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut answer).unwrap();
        }
        (refused.short, answer)
    };
    // fatal alerts: handshake_failure (40) where even signature_algorithms is missing, else protocol_version (70)
    let (short, answer) = say(&tls_1_1(&[]));
    assert_eq!((short, answer.first(), &answer[5..]), ("old_tls", Some(&0x15), &[2, 40][..]));
    let groups_and_signatures = [0, 10, 0, 4, 0, 2, 0, 23, 0, 13, 0, 4, 0, 2, 4, 3];
    let (short, answer) = say(&tls_1_1(&groups_and_signatures));
    assert_eq!((short, answer.first(), &answer[5..]), ("old_tls", Some(&0x15), &[2, 70][..]));
    assert_eq!(say(b"GET / HTTP/1.1\r\nHost: pacs\r\n\r\n").0, "not_tls");
    // an A-ASSOCIATE-RQ in clear
    assert_eq!(say(&[1, 0, 0, 0, 0, 0xcd, 0, 1, 0, 0]).0, "not_tls");
}

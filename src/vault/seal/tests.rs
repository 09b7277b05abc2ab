use super::*;
use crate::vault::escrow::{EscrowKey, tests::certificate};
use crate::vault::suite::Key256;
use crate::vault::{Opener, PatientIdentity, Unlock};
use ring::rand::{SecureRandom as _, SystemRandom};

#[derive(Debug)]
struct System;

impl Random for System {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoRandom> {
        SystemRandom::new().fill(buffer).map_err(|_| NoRandom)
    }
}

fn identity() -> Identity {
    Identity {
        sop_class: "1.2.840.10008.5.1.4.1.1.2".parse().unwrap(),
        sop_instance: "1.2.3.4".parse().unwrap(),
        study: Some("1.2.3".parse().unwrap()),
        patient: PatientIdentity::default(),
        transfer_syntax: "1.2.840.10008.1.2.1".parse().unwrap(),
    }
}

#[test]
fn each_recipient_opens_what_was_sealed() {
    let kinds = ["rsa", "p256", "p384"].map(certificate);
    let ring = Arc::new(KeyRing::new([RingKey { id: KeyId(7), key: Key256::new(&[9; 32]) }]));
    let escrow = kinds.iter().map(|(der, _)| Escrow::from_der(der).unwrap()).collect();
    let context =
        Arc::new(SealContext { ring: ring.clone(), escrow, random: Arc::new(System), segment: LEAST_SEGMENT });
    let mut unlocks = vec![Unlock::Ring(ring)];
    unlocks.extend(kinds.iter().map(|(_, key)| Unlock::from(Arc::new(EscrowKey::from_pkcs8(key).unwrap()))));
    for length in [0, 1, 1000, 65_000, 65_536, 200_001] {
        let payload: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let mut sealer = Sealer::new(context.clone(), &identity(), b"ISO_IR 100").unwrap();
        let (expected, segments) = (sealer.sealed_length(length), sealer.segments(length));
        let mut out = Vec::new();
        for part in payload.chunks(777) {
            sealer.push(part, &mut out).unwrap();
        }
        sealer.finish(&mut out).unwrap();
        assert_eq!(out.len() as u64, segments);
        let sealed = out.concat();
        assert_eq!(sealed.len() as u64, expected);
        if let Ok(folder) = std::env::var("VAULT_TEST_KEEP") {
            std::fs::write(format!("{folder}/{length}.der"), &out[0]).unwrap();
            for (n, (der, key)) in kinds.iter().enumerate() {
                std::fs::write(format!("{folder}/{n}.crt"), der).unwrap();
                std::fs::write(format!("{folder}/{n}.key"), key).unwrap();
            }
        }
        for unlock in &unlocks {
            let mut opener = Opener::new(unlock.clone());
            let mut opened = Vec::new();
            for part in sealed.chunks(4093) {
                opener.push(part, &mut opened).unwrap();
            }
            opener.finish().unwrap();
            assert_eq!(opened.concat(), payload);
            assert_eq!(opener.key(), Some(KeyId(7)));
            assert_eq!(u64::from(opener.segments()), segments);
        }
    }
}

/// What docs/recovery.md says of escrow keys: with one, other content fits under the same keys. The ring then proves less
/// than it seems to.
#[test]
fn who_has_an_escrow_key_of_a_seal_can_forge_into_it() {
    use crate::vault::cms::Envelope;
    use crate::vault::suite::segment_key;
    use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    let (der, private) = certificate("p384");
    let key = EscrowKey::from_pkcs8(&private).unwrap();
    let ring = Arc::new(KeyRing::new([RingKey { id: KeyId(7), key: Key256::new(&[9; 32]) }]));
    let escrow = [Escrow::from_der(&der).unwrap()].into();
    let context =
        Arc::new(SealContext { ring: ring.clone(), escrow, random: Arc::new(System), segment: LEAST_SEGMENT });
    let mut sealer = Sealer::new(context, &identity(), b"").unwrap();
    let mut out = Vec::new();
    sealer.push(b"what was sealed.", &mut out).unwrap();
    sealer.finish(&mut out).unwrap();
    let mut segment = out[0].to_vec();
    let envelope = Envelope::read(&segment).unwrap();
    let content_key = envelope.recipients.iter().find_map(|recipient| key.unlock(recipient)).unwrap();
    let (content, nonce, tag) = (envelope.content.clone(), envelope.nonce, envelope.tag);
    segment_key::open(&content_key, nonce, tag, &mut segment[content.clone()]).unwrap();
    segment[content.end - 16..content.end].copy_from_slice(b"something other!");
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, content_key.reveal()).unwrap());
    let nonce = Nonce::assume_unique_for_key(nonce);
    let tag = cipher.seal_in_place_separate_tag(nonce, Aad::empty(), &mut segment[content]).unwrap();
    let at = segment.len() - 16;
    segment[at..].copy_from_slice(tag.as_ref());
    let (mut opener, mut parts) = (Opener::new(ring), Vec::new());
    opener.push(&segment, &mut parts).unwrap();
    opener.finish().unwrap();
    assert_eq!(parts.concat(), b"something other!");
}

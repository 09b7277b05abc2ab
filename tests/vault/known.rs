//! Known answers: what was sealed once opens for ever, and the same numbers seal to the same bytes.

use crate::ground::{Fixed, INSTANCE, Remembered, certificate, context, open, payload, read, ring, seal};
use der::{Decode as _, Encode as _};
use dicomgate::vault::{Opener, SealContext, Unlock};
use std::sync::Arc;

/// The ring's key of the tests is 32 times one byte; the private keys of that day's escrow are kept nowhere.
#[test]
fn a_seal_of_the_first_day_opens() {
    let (sealed, expected) = (read("sealed-1.der"), read("sealed-1.payload"));
    let mut opener = Opener::new(Unlock::Ring(ring()));
    let mut out = Vec::new();
    opener.push(&sealed, &mut out).unwrap();
    opener.finish().unwrap();
    assert_eq!(out.concat(), expected);
    let header = opener.header().unwrap();
    assert_eq!(header.sop_instance.as_str(), INSTANCE);
    assert_eq!(header.patient_name.reveal(), "M%C3%BCller^Eva");
    assert_eq!(header.character_set, "ISO_IR 192");
    assert_eq!(opener.key().unwrap().0, 3);
}

/// For the ring alone: certificates are made anew for each run.
#[test]
fn the_same_numbers_seal_to_the_same_bytes() {
    let once = seal(&context(&[], Fixed::from(1)), INSTANCE, b"payload").concat();
    let digest = ring::digest::digest(&ring::digest::SHA256, &once);
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((once.len(), hex.as_str()), (KNOWN_LENGTH, KNOWN_SHA256));
    assert_ne!(once, seal(&context(&[], Fixed::from(2)), INSTANCE, b"payload").concat());
}

const KNOWN_LENGTH: usize = 637;
const KNOWN_SHA256: &str = "dfff2fb0714bb7c9ac9cd1ea75699bb4a421b465d2456bf2b3e351bee5f2b1e8";

/// The types of the `cms` crate read each segment, and write the same bytes again.
#[test]
fn another_implementation_reads_it_and_writes_the_same() {
    let sealed = seal(&context(&["rsa", "p256", "p384"], Fixed::from(3)), INSTANCE, &payload(70_000));
    assert_eq!(sealed.len(), 2);
    for segment in &sealed {
        let info = cms::content_info::ContentInfo::from_der(segment).unwrap();
        let data: cms::authenveloped_data::AuthEnvelopedData = info.content.decode_as().unwrap();
        assert_eq!(data.recip_infos.0.len(), 4);
        assert_eq!(data.mac.as_bytes().len(), 16);
        assert!(data.auth_attrs.is_none() && data.unauth_attrs.is_none() && data.originator_info.is_none());
        assert_eq!(info.to_der().unwrap(), segment.as_ref());
        let again = der::Any::encode_from(&data).unwrap();
        assert_eq!(again, info.content);
    }
}

/// A key and a nonce that are drawn serve one segment; nothing is drawn twice.
#[test]
fn every_segment_draws_a_key_and_a_nonce_of_its_own() {
    let random = Remembered::new();
    let context = context(&[], random.clone());
    let segments = seal(&context, INSTANCE, &payload(300_000)).len();
    assert_eq!(segments, 5);
    let drawn = random.1.lock().unwrap().clone();
    let of = |length: usize| drawn.iter().filter(|bytes| bytes.len() == length).count();
    assert_eq!((of(16), of(32), of(12), drawn.len()), (1, 5, 5, 11));
    let mut distinct = drawn.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), drawn.len());
}

#[test]
fn what_cannot_be_sealed_says_why() {
    use crate::ground::identity;
    use dicomgate::vault::suite::{NoRandom, Random};
    use dicomgate::vault::{KeyRing, SealFault, Sealer};
    #[derive(Debug)]
    struct Dry;
    impl Random for Dry {
        fn fill(&self, _buffer: &mut [u8]) -> Result<(), NoRandom> {
            Err(NoRandom)
        }
    }
    let with = |ring: KeyRing, escrow: &[&str], random: Arc<dyn Random>| {
        let escrow = escrow.iter().map(|kind| certificate(kind)).collect();
        let context = SealContext { ring: Arc::new(ring), escrow, random, segment: 0 };
        Sealer::new(Arc::new(context), &identity(INSTANCE), b"").unwrap_err()
    };
    let key = || (*ring()).clone();
    assert_eq!(with(KeyRing::default(), &[], Fixed::from(0)), SealFault::NoKey);
    assert_eq!(with(key(), &[], Arc::new(Dry)), SealFault::Random(NoRandom));
    assert!(matches!(with(key(), &["rsa", "p256", "rsa"], Fixed::from(0)), SealFault::Twice(_)));
    assert_eq!(with(key(), &["rsa"; 16], Fixed::from(0)), SealFault::Certificates(16));
}

#[test]
fn debug_shows_no_content() {
    let sealed = seal(&context(&[], Fixed::from(4)), INSTANCE, b"secret pixels").concat();
    let mut opener = Opener::new(ring());
    let mut out = Vec::new();
    opener.push(&sealed, &mut out).unwrap();
    let shown = format!("{opener:?} {:?}", opener.header());
    assert!(!shown.contains("ller") && !shown.contains("4711") && !shown.contains("115, 101"), "{shown}");
    assert_eq!(open(ring(), &sealed).0, b"secret pixels");
}

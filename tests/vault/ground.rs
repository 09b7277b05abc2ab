//! What the tests of the vault stand on: fixed randomness, fixed keys, small and larger seals.

use bytes::Bytes;
use dicomgate::dicom::Phi;
use dicomgate::vault::escrow::{Escrow, EscrowKey};
use dicomgate::vault::suite::{Key256, NoRandom, Random};
use dicomgate::vault::{
    Identity, KeyId, KeyRing, OpenFault, Opener, PatientIdentity, RingKey, SealContext, Sealer, Unlock,
};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// The same numbers for the same beginning: SHA-256 of a counter.
#[derive(Debug)]
pub struct Fixed(AtomicU64);

impl Fixed {
    pub fn from(beginning: u64) -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(beginning << 32)))
    }
}

impl Random for Fixed {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoRandom> {
        for part in buffer.chunks_mut(32) {
            let count = self.0.fetch_add(1, Ordering::Relaxed);
            let block = ring::digest::digest(&ring::digest::SHA256, &count.to_be_bytes());
            part.copy_from_slice(&block.as_ref()[..part.len()]);
        }
        Ok(())
    }
}

/// Remembers what it gave.
#[derive(Debug)]
pub struct Remembered(Arc<Fixed>, pub Mutex<Vec<Vec<u8>>>);

impl Remembered {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Fixed::from(77), Mutex::default()))
    }
}

impl Random for Remembered {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoRandom> {
        self.0.fill(buffer)?;
        self.1.lock().unwrap().push(buffer.to_vec());
        Ok(())
    }
}

/// A file of the tests; what `make-escrow` makes is made when it is first asked for.
pub fn data(name: &str) -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    if name.starts_with("sealed") {
        return PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/vault")).join(name);
    }
    let folder = MADE.get_or_init(|| {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("escrow");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vault/make-escrow");
        assert!(Command::new("bash").arg(script).arg(&folder).status().unwrap().success());
        folder
    });
    folder.join(name)
}

pub fn read(name: &str) -> Vec<u8> {
    std::fs::read(data(name)).unwrap()
}

/// `rsa`, `p256` or `p384`.
pub fn certificate(kind: &str) -> Escrow {
    Escrow::from_der(&read(&format!("{kind}.cert.der"))).unwrap()
}

pub fn private(kind: &str) -> Arc<EscrowKey> {
    Arc::new(EscrowKey::from_pkcs8(&read(&format!("{kind}.key.der"))).unwrap())
}

/// Keys 1 to 3; each is 32 times its number.
pub fn ring() -> Arc<KeyRing> {
    let key = |id: u32| RingKey { id: KeyId(id), key: Key256::new(&[u8::try_from(id).unwrap(); 32]) };
    Arc::new(KeyRing::new((1..=3).map(key)))
}

pub fn context(escrow: &[&str], random: Arc<dyn Random>) -> Arc<SealContext> {
    let escrow = escrow.iter().map(|kind| certificate(kind)).collect();
    Arc::new(SealContext { ring: ring(), escrow, random, segment: 64 * 1024 })
}

pub fn identity(instance: &str) -> Identity {
    Identity {
        sop_class: "1.2.840.10008.5.1.4.1.1.2".parse().unwrap(),
        sop_instance: instance.parse().unwrap(),
        study: Some("1.2.826.0.1.3680043.8.498.1".parse().unwrap()),
        patient: PatientIdentity {
            id: Phi::new(b"4711-0815".to_vec()),
            name: Phi::new("M\u{fc}ller^Eva".into()),
            birth_date: Phi::new(b"19700101".to_vec()),
            accession: Phi::new(b"A-99".to_vec()),
        },
        transfer_syntax: "1.2.840.10008.1.2.1".parse().unwrap(),
    }
}

pub const INSTANCE: &str = "1.2.826.0.1.3680043.8.498.1.2.3";

/// Bytes that occur in no header.
pub fn payload(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at * 7 % 127).unwrap() | 0x80).collect()
}

pub fn seal(context: &Arc<SealContext>, instance: &str, payload: &[u8]) -> Vec<Bytes> {
    let mut sealer = Sealer::new(context.clone(), &identity(instance), b"ISO_IR 192").unwrap();
    let mut out = Vec::new();
    sealer.push(payload, &mut out).unwrap();
    sealer.finish(&mut out).unwrap();
    out
}

/// What comes out before the end or the first fault, and how it ends.
pub fn open(unlock: impl Into<Unlock>, sealed: &[u8]) -> (Vec<u8>, Result<(), OpenFault>) {
    let mut opener = Opener::new(unlock);
    let mut out = Vec::new();
    let mut outcome = opener.push(sealed, &mut out);
    if outcome.is_ok() {
        outcome = opener.finish();
    } else {
        // A fault stays.
        let before = out.len();
        assert_eq!(opener.push(sealed, &mut out), Err(OpenFault::Over));
        assert_eq!((opener.finish(), out.len()), (Err(OpenFault::Over), before));
    }
    (out.concat(), outcome)
}

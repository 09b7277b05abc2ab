//! What sealing and opening cost beyond AES-256-GCM of the same bytes: 256 MiB in pieces as they come off the wire, bare and
//! as the pixels of an object.
//! `cargo bench --bench vault`.

#![expect(
    clippy::expect_used,
    missing_docs,
    reason = "a bench ends where its ground is not sound; criterion's main has no documentation"
)]

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dicomgate::dicom::Tag;
use dicomgate::dicom::dataset::write::DataSet;
use dicomgate::dicom::transfer_syntax::Encoding;
use dicomgate::transform::flow::Flow;
use dicomgate::transform::seal::{Seal, SealOptions, SealOrder};
use dicomgate::vault::carrier::Carrier;
use dicomgate::vault::escrow::Escrow;
use dicomgate::vault::suite::{Key256, NoRandom, Random};
use dicomgate::vault::{Identity, KeyId, KeyRing, Opener, PatientIdentity, RingKey, SealContext, Sealer};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use std::hint::black_box;
use std::sync::Arc;

/// As the gateway has it: a segment is a large allocation that comes and goes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const LENGTH: usize = 256 << 20;
/// A fragment of a PDU.
const PIECE: usize = 128 << 10;
const SEGMENT: usize = 4 << 20;

#[derive(Debug)]
struct System(SystemRandom);

impl Random for System {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoRandom> {
        self.0.fill(buffer).map_err(|_| NoRandom)
    }
}

fn context(escrow: &[&str]) -> Arc<SealContext> {
    let certificate = |kind: &&str| {
        let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("escrow");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vault/make-escrow");
        let made = std::process::Command::new("bash").arg(script).arg(&folder).status().expect("bash runs");
        assert!(made.success(), "openssl makes certificates");
        let path = folder.join(format!("{kind}.cert.der"));
        Escrow::from_der(&std::fs::read(path).expect("a certificate")).expect("for escrow")
    };
    Arc::new(SealContext {
        ring: Arc::new(KeyRing::new([RingKey { id: KeyId(1), key: Key256::new(&[7; 32]) }])),
        escrow: escrow.iter().map(certificate).collect(),
        random: Arc::new(System(SystemRandom::new())),
        segment: u32::try_from(SEGMENT).expect("fits"),
    })
}

fn sealer(context: &Arc<SealContext>) -> Sealer {
    let uid = |text: &str| text.parse().expect("a UID");
    let identity = Identity {
        sop_class: uid("1.2.840.10008.5.1.4.1.1.2.1"),
        sop_instance: uid("1.2.3.4"),
        study: Some(uid("1.2.3")),
        patient: PatientIdentity::default(),
        transfer_syntax: uid("1.2.840.10008.1.2.1"),
    };
    Sealer::new(context.clone(), &identity, b"ISO_IR 100").expect("a key")
}

/// Seals, and drops each segment as if it had been sent; or keeps them.
fn seal(context: &Arc<SealContext>, payload: &[u8], mut keep: Option<&mut Vec<Bytes>>) {
    let (mut sealer, mut out) = (sealer(context), Vec::new());
    for piece in payload.chunks(PIECE) {
        sealer.push(piece, &mut out).expect("sealed");
        match &mut keep {
            Some(kept) => kept.append(&mut out),
            None => out.clear(),
        }
    }
    sealer.finish(&mut out).expect("sealed");
    if let Some(kept) = keep {
        kept.append(&mut out);
    }
    black_box(out);
}

/// The object around the pixels: a tomogram, as far as sealing looks at it.
fn header(pixels: usize) -> Vec<u8> {
    let mut header = DataSet::new()
        .with(Tag(0x0008, 0x0016), b"UI", "1.2.840.10008.5.1.4.1.1.2.1")
        .with(Tag(0x0008, 0x0018), b"UI", "1.2.3.4")
        .with(Tag(0x0020, 0x000d), b"UI", "1.2.3")
        .with_u16(Tag(0x0028, 0x0010), 512)
        .with_u16(Tag(0x0028, 0x0011), 512)
        .with_u16(Tag(0x0028, 0x0100), 16)
        .encode(Encoding::ExplicitLe);
    header.extend([0xe0, 0x7f, 0x10, 0, b'O', b'W', 0, 0]);
    header.extend(u32::try_from(pixels).expect("fits").to_le_bytes());
    header
}

/// Seals a whole object as the relay does: the header taken apart, the pixels streamed into segments.
fn transform(context: &Arc<SealContext>, pixels: &[u8]) {
    let uid = |text: &str| text.parse().expect("a UID");
    let order = SealOrder {
        context: context.clone(),
        sop_class: uid("1.2.840.10008.5.1.4.1.1.2.1"),
        sop_instance: uid("1.2.3.4"),
        from: uid("1.2.840.10008.1.2.1"),
        to: Encoding::ExplicitLe,
        carrier: Carrier::Pixels,
        options: Arc::new(SealOptions::default()),
        whole: false,
    };
    let (mut seal, mut flow) = (Seal::new(order).expect("a class that is sealed"), Flow::default());
    seal.push(&header(pixels.len()), &mut flow).expect("sealed");
    for piece in pixels.chunks(PIECE) {
        seal.push(piece, &mut flow).expect("sealed");
        while let Some(piece) = flow.next_piece() {
            black_box(piece);
        }
    }
    black_box(seal.finish(&mut flow).expect("sealed"));
}

fn costs(criterion: &mut Criterion) {
    let payload: Vec<u8> = (0..LENGTH).map(|at| u8::try_from(at * 31 % 251).expect("fits")).collect();
    let mut group = criterion.benchmark_group("256 MiB");
    group.throughput(Throughput::Bytes(LENGTH as u64)).sample_size(10);
    let mut buffer = payload.get(..SEGMENT).expect("long enough").to_vec();
    group.bench_function("AES-256-GCM alone", |bencher| {
        bencher.iter(|| {
            for _ in 0..LENGTH / SEGMENT {
                let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).expect("a key"));
                let nonce = Nonce::assume_unique_for_key([1; 12]);
                let _ = black_box(key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut buffer).expect("sealed"));
            }
        });
    });
    group.bench_function("a copy alone", |bencher| {
        bencher.iter(|| {
            for segment in payload.chunks(SEGMENT) {
                buffer.clear();
                for piece in segment.chunks(PIECE) {
                    buffer.extend_from_slice(piece);
                }
                black_box(&buffer);
            }
        });
    });
    for (name, escrow) in [("ring", &[][..]), ("ring, RSA", &["rsa"]), ("ring, P-256, P-384", &["p256", "p384"])] {
        let context = context(escrow);
        group.bench_function(format!("seal for {name}"), |bencher| bencher.iter(|| seal(&context, &payload, None)));
    }
    let context = context(&["rsa"]);
    group.bench_function("a whole object for ring, RSA", |bencher| bencher.iter(|| transform(&context, &payload)));
    let mut sealed = Vec::new();
    seal(&context, &payload, Some(&mut sealed));
    group.bench_function("open", |bencher| {
        bencher.iter(|| {
            let (mut opener, mut out) = (Opener::new(context.ring.clone()), Vec::new());
            for piece in sealed.iter().flat_map(|segment| segment.chunks(PIECE)) {
                opener.push(piece, &mut out).expect("opens");
                out.clear();
            }
            opener.finish().expect("whole");
        });
    });
    group.finish();
}

criterion_group!(benches, costs);
criterion_main!(benches);

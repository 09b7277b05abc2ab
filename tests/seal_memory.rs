//! An image of any length is sealed in the memory of a header and a segment: measured in a process of its own.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

use dicomgate::dicom::Tag;
use dicomgate::dicom::dataset::write::DataSet;
use dicomgate::dicom::transfer_syntax::Encoding;
use dicomgate::transform::flow::{Flow, Piece};
use dicomgate::transform::seal::{Outcome, Seal, SealOptions, SealOrder};
use dicomgate::vault::carrier::Carrier;
use dicomgate::vault::suite::{Key256, NoRandom, Random};
use dicomgate::vault::{KeyId, KeyRing, RingKey, SealContext};
use ring::rand::{SecureRandom, SystemRandom};
use std::sync::Arc;

const CLASS: &str = "1.2.840.10008.5.1.4.1.1.2";
const INSTANCE: &str = "1.2.3.4";
const SEGMENT: u32 = 4 << 20;
/// Bytes of pixels; enough that keeping a tenth of them would show.
const PIXELS: u64 = 600 << 20;

#[derive(Debug)]
struct System(SystemRandom);

impl Random for System {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoRandom> {
        self.0.fill(buffer).map_err(|_| NoRandom)
    }
}

/// The most memory that this process has had resident, bytes.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn seal() -> Seal {
    let context = SealContext {
        ring: Arc::new(KeyRing::new([RingKey { id: KeyId(1), key: Key256::new(&[7; 32]) }])),
        escrow: Arc::new([]),
        random: Arc::new(System(SystemRandom::new())),
        segment: SEGMENT,
    };
    Seal::new(SealOrder {
        context: Arc::new(context),
        sop_class: CLASS.parse().unwrap(),
        sop_instance: INSTANCE.parse().unwrap(),
        from: "1.2.840.10008.1.2.1".parse().unwrap(),
        to: Encoding::ExplicitLe,
        carrier: Carrier::Pixels,
        options: Arc::new(SealOptions::default()),
        whole: false,
    })
    .unwrap()
}

#[test]
fn a_long_image_is_sealed_in_the_memory_of_a_segment() {
    let (mut seal, mut flow) = (seal(), Flow::default());
    let mut header = DataSet::new()
        .with(Tag(0x0008, 0x0016), b"UI", CLASS)
        .with(Tag(0x0008, 0x0018), b"UI", INSTANCE)
        .with_u16(Tag(0x0028, 0x0010), 512)
        .with_u16(Tag(0x0028, 0x0011), 512)
        .with_u16(Tag(0x0028, 0x0100), 16)
        .encode(Encoding::ExplicitLe);
    header.extend([0xe0, 0x7f, 0x10, 0, b'O', b'W', 0, 0]);
    header.extend(u32::try_from(PIXELS).unwrap().to_le_bytes());
    let piece = vec![0x5a; 256 << 10];
    let before = most_memory();
    let (mut gone, mut kept, mut largest) = (0_u64, 0, 0);
    let mut take = |flow: &mut Flow| {
        while let Some(next) = flow.next_piece() {
            match next {
                Piece::Go(bytes) => {
                    gone += bytes.len() as u64;
                    largest = largest.max(bytes.len());
                }
                Piece::Keep(bytes) => kept += bytes.len(),
                Piece::Kept => {}
            }
        }
        gone
    };
    seal.push(&header, &mut flow).unwrap();
    for count in 1..=PIXELS / piece.len() as u64 {
        seal.push(&piece, &mut flow).unwrap();
        let came = count * piece.len() as u64;
        assert!(take(&mut flow) + u64::from(2 * SEGMENT) > came, "what came is not held");
    }
    let Outcome::Sealed(sealed) = seal.finish(&mut flow).unwrap() else { panic!("nothing was sealed") };
    take(&mut flow);
    assert!(gone > PIXELS && sealed.bytes > PIXELS);
    assert_eq!((kept, sealed.segments), (0, 151));
    assert!(largest <= SEGMENT as usize + 4096, "{largest}");
    let grown = most_memory() - before;
    assert!(grown < 4 * u64::from(SEGMENT), "{grown} bytes more than before");
}

//! Images as archives compress them: by run lengths, without losses.

use dicomgate::dicom::Tag;
use dicomgate::dicom::dataset::WalkLimits;
use dicomgate::dicom::dataset::write::Flat;
use dicomgate::dicom::dimse::Tolerances;
use dicomgate::dicom::transfer_syntax::Encoding;

pub const RLE: &str = "1.2.840.10008.1.2.5";
pub const ROWS: Tag = Tag(0x0028, 0x0010);
pub const COLUMNS: Tag = Tag(0x0028, 0x0011);
pub const PIXELS: Tag = Tag(0x7fe0, 0x0010);

/// One frame by PS3.5 annex G, of samples of so many bytes: the highest byte of each first, in runs of literals.
pub fn run_lengths(pixels: &[u8], bytes: usize) -> Vec<u8> {
    let segment = |from: usize| -> Vec<u8> {
        let bytes: Vec<u8> = pixels.iter().copied().skip(from).step_by(bytes).collect();
        let mut runs: Vec<u8> =
            bytes.chunks(128).flat_map(|run| [&[u8::try_from(run.len() - 1).unwrap()], run].concat()).collect();
        runs.resize(runs.len().next_multiple_of(2), 0);
        runs
    };
    let mut frame = u32::try_from(bytes).unwrap().to_le_bytes().to_vec();
    let segments: Vec<Vec<u8>> = (0..bytes).rev().map(segment).collect();
    let mut at = 64;
    for segment in &segments {
        frame.extend_from_slice(&u32::try_from(at).unwrap().to_le_bytes());
        at += segment.len();
    }
    frame.resize(64, 0);
    [frame, segments.concat()].concat()
}

/// A data set and compressed frames behind it.
pub fn encapsulated(mut bytes: Vec<u8>, frames: &[Vec<u8>]) -> Vec<u8> {
    bytes.extend_from_slice(&[0xe0, 0x7f, 0x10, 0, b'O', b'B', 0, 0, 0xff, 0xff, 0xff, 0xff]);
    for item in std::iter::once(&Vec::new()).chain(frames) {
        bytes.extend_from_slice(&[0xfe, 0xff, 0, 0xe0]);
        bytes.extend_from_slice(&u32::try_from(item.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(item);
    }
    bytes.extend_from_slice(&[0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    bytes
}

/// The sealed object as an archive hands it out that has compressed its image.
pub fn recompressed(sealed: &[u8]) -> Vec<u8> {
    let flat = read(sealed, Encoding::ExplicitLe);
    let number = |tag: Tag| usize::from(u16::from_le_bytes(flat.get(tag).unwrap().try_into().unwrap()));
    let (pixels, bytes) = (flat.get(PIXELS).unwrap(), number(Tag(0x0028, 0x0100)) / 8);
    let frames: Vec<Vec<u8>> =
        pixels.chunks_exact(number(ROWS) * number(COLUMNS) * bytes).map(|frame| run_lengths(frame, bytes)).collect();
    let header = sealed.windows(4).position(|at| at == [0xe0, 0x7f, 0x10, 0]).unwrap();
    encapsulated(sealed[..header].to_vec(), &frames)
}

pub fn read(bytes: &[u8], encoding: Encoding) -> Flat {
    let limits = WalkLimits { value: u32::MAX, ..WalkLimits::default() };
    Flat::read_with(bytes, encoding, limits, Tolerances::ALL).unwrap()
}

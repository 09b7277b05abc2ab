//! One frame: its segments in their order, and each scan into its place among the pixels.

use super::coding::{Coding, Preset};
use super::fault::Fault;
use super::markers::{Header, Markers, ScanHeader, Segment};
use super::scan::{Plane, Scan};
use crate::transform::frames::Image;

/// A frame that is decoded.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli::decode) struct Decoded {
    /// Little endian, by pixel, in as many bytes as the attributes allocate.
    pub(in crate::cli::decode) bytes: Vec<u8>,
    /// Bits that a sample has.
    pub(in crate::cli::decode) precision: u8,
}

/// Decodes one frame.
///
/// # Errors
/// It is not of the size that the attributes say, damaged, or has what DICOM has no use for.
pub(in crate::cli::decode) fn decode(image: &Image, bytes: &[u8]) -> Result<Decoded, Fault> {
    let mut markers = Markers::new(bytes)?;
    let (mut preset, mut restart) = (Preset::default(), 0);
    let mut frame = None;
    loop {
        match (markers.next()?, &mut frame) {
            (Segment::Preset(said), _) => preset = said,
            (Segment::Restart(lines), _) => restart = lines,
            (Segment::Header(header), None) => frame = Some(Frame::new(image, header)?),
            (Segment::Scan(scan), Some(frame)) => {
                frame.scan(&scan, &preset, restart, &mut markers)?;
                if frame.missing.is_empty() {
                    // What may stand behind the last scan is of no matter.
                    return Ok(Decoded { bytes: std::mem::take(&mut frame.bytes), precision: frame.header.precision });
                }
            }
            (Segment::Header(_), Some(_)) | (Segment::Scan(_), None) => return Err(Fault::Damaged),
            (Segment::End, _) => return Err(Fault::Cut),
        }
    }
}

/// A frame of which the size is known to be right.
struct Frame {
    header: Header,
    /// Bytes of a sample.
    width: usize,
    bytes: Vec<u8>,
    /// Components of which no scan has come.
    missing: Vec<u8>,
}

impl Frame {
    fn new(image: &Image, header: Header) -> Result<Self, Fault> {
        let samples = usize::from(image.samples);
        if (header.rows, header.columns, header.components.len()) != (image.rows, image.columns, samples) {
            return Err(Fault::Size);
        }
        if header.rows == 0 || header.columns == 0 || !(2..=16).contains(&header.precision) {
            return Err(Fault::Damaged);
        }
        if header.precision > image.allocated || ![8, 16].contains(&image.allocated) {
            return Err(Fault::Bits);
        }
        let length = usize::try_from(image.frame_bytes()).map_err(|_| Fault::Size)?;
        let missing = header.components.clone();
        Ok(Self { header, width: usize::from(image.allocated / 8), bytes: vec![0; length], missing })
    }

    /// Decodes a scan; the markers go on behind it.
    fn scan(
        &mut self,
        said: &ScanHeader,
        preset: &Preset,
        restart: u32,
        markers: &mut Markers<'_>,
    ) -> Result<(), Fault> {
        let coding = Coding::new(self.header.precision, said.near, preset)?;
        let mut places = Vec::new();
        for name in &said.components {
            if !self.missing.contains(name) {
                return Err(Fault::Damaged);
            }
            self.missing.retain(|missing| missing != name);
            places.extend(self.header.components.iter().position(|known| known == name));
        }
        let fresh = || vec![Plane::new(self.header.columns.into()); places.len()];
        let mut planes = fresh();
        let mut scan = Scan::new(coding, markers.rest());
        let pixel = self.width * self.header.components.len();
        let line = pixel * usize::from(self.header.columns);
        let mut restarts = 0_u8;
        for (number, row) in (0_u32..).zip(self.bytes.chunks_exact_mut(line)) {
            if restart > 0 && number > 0 && number.is_multiple_of(restart) {
                // As at the beginning (C.1): nothing is known of what stands above.
                markers.resume(scan.end());
                markers.restarted(restarts % 8)?;
                restarts = restarts.wrapping_add(1);
                planes = fresh();
                scan = Scan::new(coding, markers.rest());
            }
            if said.by_pixel {
                scan.pixels(&mut planes)?;
            } else {
                planes.iter_mut().try_for_each(|plane| scan.line(plane))?;
            }
            for (plane, place) in planes.iter().zip(&places) {
                let room = row.chunks_exact_mut(pixel).filter_map(|pixel| pixel.get_mut(place * self.width..));
                for (room, sample) in room.zip(plane.samples()) {
                    room.iter_mut().zip(sample.to_le_bytes()).take(self.width).for_each(|(to, from)| *to = from);
                }
            }
        }
        markers.resume(scan.end());
        Ok(())
    }
}

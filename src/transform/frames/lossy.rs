//! What a decoded object says of the losses that its image has had (PS3.3 C.7.6.1.1.5): they stay when it is decoded.

use crate::dicom::cursor::Cursor;
use crate::dicom::{Tag, Uid};

/// Lossy Image Compression.
const LOSSY: Tag = Tag(0x0028, 0x2110);
/// Lossy Image Compression Ratio.
const RATIO: Tag = Tag(0x0028, 0x2112);
/// Lossy Image Compression Method.
const METHOD: Tag = Tag(0x0028, 0x2114);

/// What the first frame says.
#[derive(Debug, Clone, Default)]
pub(super) struct Losses {
    looked: bool,
    method: Option<&'static str>,
    compressed: u64,
}

impl Losses {
    /// Looks at the first frame.
    pub(super) fn look(&mut self, syntax: &Uid, frame: &[u8]) {
        if std::mem::replace(&mut self.looked, true) {
            return;
        }
        self.compressed = frame.len() as u64;
        self.method = match syntax.as_str().strip_prefix("1.2.840.10008.1.2.4.") {
            Some("50" | "51") => Some("ISO_10918_1"),
            // These may have losses or not; the first one of JPEG-LS may not, and nothing but the stream keeps it to that.
            Some("80" | "81") => is_near(frame).then_some("ISO_14495_1"),
            Some("91") => is_irreversible(frame).then_some("ISO_15444_1"),
            Some("203") => is_irreversible(frame).then_some("ISO_15444_15"),
            _ => None,
        };
    }

    /// Puts in what a careless compressor left out. `decoded`: bytes of a decoded frame; `header`: elements in their order.
    pub(super) fn note(&self, decoded: u64, header: &mut Vec<(Tag, Vec<u8>)>) {
        let Some(method) = self.method else { return };
        if header.iter().any(|(tag, bytes)| *tag == LOSSY && bytes.trim_ascii_end().ends_with(b"01")) {
            return;
        }
        // Two decimals are more than anybody wants to know.
        let hundredths = decoded.saturating_mul(100) / self.compressed.max(1);
        let ratio = format!("{}.{:02}", hundredths / 100, hundredths % 100);
        header.retain(|(tag, _)| ![LOSSY, RATIO, METHOD].contains(tag));
        for (tag, vr, text) in [(LOSSY, b"CS", "01"), (RATIO, b"DS", ratio.as_str()), (METHOD, b"CS", method)] {
            let place = header.iter().position(|(other, _)| *other > tag).unwrap_or(header.len());
            header.insert(place, (tag, super::text(tag, *vr, text)));
        }
    }
}

/// Whether a JPEG-LS stream says that samples may differ from what they were (ITU-T T.87 C.2.3). Scans of one stream that
/// differ in that nobody writes.
fn is_near(frame: &[u8]) -> bool {
    let mut cursor = Cursor::new(frame.strip_prefix(&[0xff, 0xd8]).unwrap_or_default());
    while let Some([0xff, mut marker]) = cursor.array::<2>() {
        // Fill bytes.
        while marker == 0xff {
            let Some(next) = cursor.u8() else { return false };
            marker = next;
        }
        let length = cursor.u16_be().and_then(|length| usize::from(length).checked_sub(2));
        let Some(segment) = length.and_then(|length| cursor.take(length)) else { break };
        if marker == 0xda {
            // Behind the components, of two bytes each, stands NEAR.
            let components = segment.first().map_or(0, |components| usize::from(*components));
            return segment.get(1 + 2 * components).is_some_and(|near| *near > 0);
        }
    }
    false
}

/// Whether a JPEG 2000 codestream says that its wavelets are those that do not come back bit for bit (ITU-T T.800 A.6.1).
fn is_irreversible(frame: &[u8]) -> bool {
    let begin = frame.windows(4).take(512).position(|window| window == [0xff, 0x4f, 0xff, 0x51]);
    let Some(stream) = begin.and_then(|begin| frame.get(begin + 2..)) else { return false };
    let mut cursor = Cursor::new(stream);
    while let (Some([0xff, marker]), Some(length)) = (cursor.array::<2>(), cursor.u16_be()) {
        let Some(segment) = usize::from(length).checked_sub(2).and_then(|length| cursor.take(length)) else { break };
        match marker {
            // Coding style: transformation is the tenth byte, 0 is the 9-7 irreversible one.
            0x52 => return segment.get(9) == Some(&0),
            // The first tile: the main header is over.
            0x90 => break,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(text: &str) -> Uid {
        text.parse().unwrap()
    }

    fn codestream(transformation: u8) -> Vec<u8> {
        let mut bytes = vec![0xff, 0x4f, 0xff, 0x51, 0, 4, 0, 0, 0xff, 0x52, 0, 12];
        bytes.extend_from_slice(&[0, 0, 0, 1, 0, 5, 4, 4, 0, transformation]);
        bytes.extend_from_slice(&[0xff, 0x90, 0, 10]);
        bytes
    }

    #[test]
    fn wavelets_say_whether_something_was_lost() {
        assert!(is_irreversible(&codestream(0)) && !is_irreversible(&codestream(1)));
        assert!(is_irreversible(&[&[0; 40], codestream(0).as_slice()].concat()), "in a file of its own");
        for cut in 0..codestream(0).len() - 4 {
            assert!(!is_irreversible(&codestream(0)[..cut]), "{cut}");
        }
    }

    #[test]
    fn a_scan_says_by_how_much_samples_may_differ() {
        let stream = |near: u8| {
            let mut bytes = vec![0xff, 0xd8, 0xff, 0xff, 0xfe, 0, 3, 9, 0xff, 0xf7, 0, 8, 8, 0, 1, 0, 1, 0];
            bytes.extend_from_slice(&[0xff, 0xda, 0, 8, 1, 1, 0, near, 0, 0, 7, 7]);
            bytes
        };
        assert!(is_near(&stream(3)) && !is_near(&stream(0)));
        for cut in 0..stream(3).len() - 4 {
            assert!(!is_near(&stream(3)[..cut]), "{cut}");
        }
        let mut losses = Losses::default();
        losses.look(&uid("1.2.840.10008.1.2.4.81"), &stream(3));
        assert_eq!(losses.method, Some("ISO_14495_1"));
    }

    #[test]
    fn losses_are_noted_where_nobody_did() {
        let noted = |syntax: &str, said: Option<&str>| {
            let mut header = vec![(Tag(0x0028, 0x0103), vec![1]), (Tag(0x0028, 0x3000), vec![2])];
            if let Some(said) = said {
                header.insert(1, (LOSSY, super::super::text(LOSSY, *b"CS", said)));
            }
            let mut losses = Losses::default();
            losses.look(&uid(syntax), &codestream(1));
            losses.look(&uid(syntax), &[0; 7]);
            losses.note(2600, &mut header);
            header
        };
        let header = noted("1.2.840.10008.1.2.4.50", Some("00"));
        let tags: Vec<Tag> = header.iter().map(|(tag, _)| *tag).collect();
        assert_eq!(tags, [Tag(0x0028, 0x0103), LOSSY, RATIO, METHOD, Tag(0x0028, 0x3000)]);
        assert!(
            header[1].1.ends_with(b"01") && header[2].1.ends_with(b"100.00") && header[3].1.ends_with(b"ISO_10918_1 ")
        );
        assert_eq!(noted("1.2.840.10008.1.2.4.50", None), header);
        assert_eq!(noted("1.2.840.10008.1.2.4.50", Some("01")).len(), 3, "it stays as it was");
        for syntax in
            ["1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.5"]
        {
            assert_eq!(noted(syntax, None).len(), 2, "{syntax}");
        }
    }
}

//! Numbers turned from one byte order into the other, whatever pieces they come in.

use crate::dicom::dataset::Vr;

/// How many bytes each number of a VR has; 1: there is nothing to turn (PS3.5 7.3).
pub(super) const fn unit(vr: Vr) -> u8 {
    match &vr.0 {
        b"US" | b"SS" | b"OW" | b"AT" => 2,
        b"UL" | b"SL" | b"FL" | b"OF" | b"OL" => 4,
        b"FD" | b"OD" | b"SV" | b"UV" | b"OV" => 8,
        _ => 1,
    }
}

/// Turns the numbers of one value.
#[derive(Debug)]
pub(super) struct Swap {
    unit: usize,
    /// The beginning of a number.
    partial: [u8; 8],
    length: usize,
}

impl Swap {
    pub(super) fn new(unit: u8) -> Self {
        Self { unit: usize::from(unit), partial: [0; 8], length: 0 }
    }

    /// Takes more of the value; of what is too short for a number at its end, the bytes stay as they are.
    pub(super) fn push(&mut self, mut bytes: &[u8], last: bool, out: &mut Vec<u8>) {
        while self.length > 0 && self.length < self.unit {
            let Some((byte, rest)) = bytes.split_first() else { break };
            if let Some(place) = self.partial.get_mut(self.length) {
                *place = *byte;
            }
            (self.length, bytes) = (self.length + 1, rest);
        }
        if self.length == self.unit {
            out.extend(self.begun().iter().rev());
            self.length = 0;
        }
        let whole = bytes.chunks_exact(self.unit.max(1));
        let rest = whole.remainder();
        out.reserve(bytes.len());
        whole.for_each(|number| out.extend(number.iter().rev()));
        if !rest.is_empty() {
            for (place, byte) in self.partial.iter_mut().zip(rest) {
                *place = *byte;
            }
            self.length = rest.len();
        }
        if last {
            out.extend_from_slice(self.begun());
            self.length = 0;
        }
    }

    fn begun(&self) -> &[u8] {
        self.partial.get(..self.length).unwrap_or_default()
    }
}

//! Value representations (PS3.5 6.2) and what each means for a header in explicit VR (7.1.2).

use std::fmt;

/// A value representation as it stands in a header: two characters.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Vr(pub [u8; 2]);

/// How long the length of an element is in explicit VR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// 16 bits.
    Short,
    /// Two reserved bytes, then 32 bits.
    Long,
    /// The VR is none that PS3.5 knows.
    Unknown,
}

impl Vr {
    /// Sequence of items.
    pub const SQ: Self = Self(*b"SQ");
    /// Unknown.
    pub const UN: Self = Self(*b"UN");
    /// Bytes.
    pub const OB: Self = Self(*b"OB");
    /// Words.
    pub const OW: Self = Self(*b"OW");

    /// Whether its length takes 32 bits in explicit VR (PS3.5 7.1.2).
    pub const fn is_long(self) -> bool {
        matches!(self.form(), Form::Long)
    }

    /// Looked up, not compared: this is asked of every element of every object.
    pub(super) const fn form(self) -> Form {
        const FORMS: [Form; 26 * 26] = forms();
        let [first, second] = self.0;
        if !first.is_ascii_uppercase() || !second.is_ascii_uppercase() {
            return Form::Unknown;
        }
        let place = (first - b'A') as usize * 26 + (second - b'A') as usize;
        let (_, from) = FORMS.split_at(place);
        match from {
            [form, ..] => *form,
            [] => Form::Unknown,
        }
    }
}

const SHORT: [&[u8; 2]; 21] = [
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL", b"SS",
    b"ST", b"TM", b"UI", b"UL", b"US",
];
const LONG: [&[u8; 2]; 13] =
    [b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"];

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which would refuse an index out of bounds")]
const fn forms() -> [Form; 26 * 26] {
    let mut forms = [Form::Unknown; 26 * 26];
    let mut index = 0;
    while index < SHORT.len() {
        let [first, second] = *SHORT[index];
        forms[(first - b'A') as usize * 26 + (second - b'A') as usize] = Form::Short;
        index += 1;
    }
    index = 0;
    while index < LONG.len() {
        let [first, second] = *LONG[index];
        forms[(first - b'A') as usize * 26 + (second - b'A') as usize] = Form::Long;
        index += 1;
    }
    forms
}

impl fmt::Display for Vr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            f.write_str(if byte.is_ascii_uppercase() { "" } else { "?" })?;
            if byte.is_ascii_uppercase() {
                fmt::Write::write_char(f, char::from(byte))?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Vr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

//! The header in the plaintext of each segment: text, so that somebody who decrypts by hand can read whose it is.

use super::suite::sha256;
use super::{Identity, PatientIdentity, SealId};
use crate::dicom::matching::CharacterSet;
use crate::dicom::{Phi, Uid};
use dicom_core::VR;
use std::borrow::Cow;
use std::fmt::Write as _;

/// The first line, `dicomgate seal 1 NNNNNN` and a line feed: so many bytes.
pub const FIRST_LINE: usize = 24;
/// No header is longer, in bytes.
pub const GREATEST_HEADER: usize = 16_384;
/// The length of a header is a multiple of this.
const STEP: usize = 16;
/// A value that is longer, once encoded, is written as its digest.
const LONGEST_VALUE: usize = 256;
const MAGIC: &str = "dicomgate seal 1 ";
const DIGEST: &str = "sha256:";

/// What one segment says about itself and its object. Values of patients as they are written: percent-encoded, or
/// `sha256:HEX` if longer than 256 bytes so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The seal it is part of.
    pub seal: SealId,
    /// Its number, from 0.
    pub segment: u32,
    /// Whether none follows.
    pub last: bool,
    /// SOP Class UID.
    pub sop_class: Uid,
    /// SOP Instance UID.
    pub sop_instance: Uid,
    /// Study Instance UID.
    pub study: Option<Uid>,
    /// Patient ID.
    pub patient_id: Phi<String>,
    /// Patient's Name.
    pub patient_name: Phi<String>,
    /// Patient's Birth Date.
    pub birth_date: Phi<String>,
    /// Accession Number.
    pub accession: Phi<String>,
    /// Transfer syntax of the original.
    pub transfer_syntax: Uid,
    /// Specific Character Set (0008,0005) of the original.
    pub character_set: String,
    /// SHA-256 of the DER SET of RecipientInfos of this segment.
    pub recipients: [u8; 32],
}

/// What differs between what was sealed and what stands around it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drift {
    /// Study Instance UID.
    pub study: bool,
    /// Patient ID.
    pub patient_id: bool,
    /// Patient's Name.
    pub patient_name: bool,
    /// Patient's Birth Date.
    pub birth_date: bool,
    /// Accession Number.
    pub accession: bool,
}

impl SegmentHeader {
    /// Of the first segment of a seal; recipients to be filled in.
    pub fn new(seal: SealId, identity: &Identity, character_set: &[u8]) -> Self {
        let patient = &identity.patient;
        let phi = |value: &Phi<Vec<u8>>| Phi::new(encode(value.reveal()));
        Self {
            seal,
            segment: 0,
            last: false,
            sop_class: identity.sop_class,
            sop_instance: identity.sop_instance,
            study: identity.study,
            patient_id: phi(&patient.id),
            patient_name: phi(&patient.name),
            birth_date: phi(&patient.birth_date),
            accession: phi(&patient.accession),
            transfer_syntax: identity.transfer_syntax,
            character_set: encode(character_set),
            recipients: [0; 32],
        }
    }

    /// Whether both are of the same seal and object: all but number, last flag and recipients.
    pub fn same_seal(&self, other: &Self) -> bool {
        let Self { segment, last, recipients, .. } = *other;
        Self { segment, last, recipients, ..self.clone() } == *other
    }

    /// What of an object's identity is no longer as it was sealed. Values without padding, as in
    /// [`PatientIdentity`]; `character_set`: Specific Character Set (0008,0005) that they are written in now. The same
    /// characters in another set are the same.
    pub fn drift(&self, study: Option<&Uid>, patient: &PatientIdentity, character_set: &[u8]) -> Drift {
        let differs =
            |vr, sealed: &Phi<String>, now: &Phi<Vec<u8>>| !self.reads_the_same(vr, sealed, now, character_set);
        Drift {
            study: self.study.as_ref() != study,
            patient_id: differs(VR::LO, &self.patient_id, &patient.id),
            patient_name: differs(VR::PN, &self.patient_name, &patient.name),
            birth_date: differs(VR::DA, &self.birth_date, &patient.birth_date),
            accession: differs(VR::SH, &self.accession, &patient.accession),
        }
    }

    /// Whether a value that was sealed has the characters of one that stands there now; where they cannot be read, or only
    /// its digest is known, whether it has its bytes.
    fn reads_the_same(&self, vr: VR, sealed: &Phi<String>, now: &Phi<Vec<u8>>, character_set: &[u8]) -> bool {
        let same = *sealed.reveal() == encode(now.reveal());
        let digested = sealed.reveal().starts_with(DIGEST) || self.character_set.starts_with(DIGEST);
        if digested || same && self.character_set == encode(character_set) {
            return same;
        }
        let text = |set: &[u8], value: &[u8]| {
            CharacterSet::of(set).and_then(|set| set.decode_as(vr, value).map(Cow::into_owned)).ok()
        };
        let (Some(set), Some(value)) = (decode(&self.character_set), decode(sealed.reveal())) else { return same };
        match (text(&set, &value), text(character_set, now.reveal())) {
            (None, None) => same,
            (before, after) => before == after,
        }
    }

    /// The first half of the SHA-256 of whose object it was: study, patient, order, and the character set of their names.
    /// The same for every seal of an object that belongs to the same.
    pub fn whose(&self) -> [u8; 16] {
        let study = self.study.as_ref().map(Uid::to_string).unwrap_or_default();
        let patient = [&self.patient_id, &self.patient_name, &self.birth_date, &self.accession];
        let patient: Vec<&str> = patient.iter().map(|value| value.reveal().as_str()).collect();
        // None of these holds a line feed: values are percent-encoded.
        let digest = sha256(format!("{study}\n{}\n{}", patient.join("\n"), self.character_set).as_bytes());
        let mut half = [0; 16];
        half.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        half
    }

    /// The length that holds the header of every segment of its seal, in bytes.
    pub fn length_in_seal(&self) -> usize {
        let longest = Self { segment: u32::MAX, last: true, ..self.clone() };
        (FIRST_LINE + longest.lines().len()).next_multiple_of(STEP)
    }

    /// The header in exactly this many bytes, at least [`Self::length_in_seal`].
    pub fn write(&self, length: usize) -> Vec<u8> {
        let mut text = format!("{MAGIC}{length:06}\n");
        text.push_str(&self.lines());
        let mut out = text.into_bytes();
        if out.len() < length {
            out.resize(length - 1, b' ');
            out.push(b'\n');
        }
        out
    }

    fn lines(&self) -> String {
        let study = self.study.as_ref().map(Uid::as_str).unwrap_or_default();
        let mut out = String::with_capacity(1024);
        for (key, value) in [
            ("seal", hex(&self.seal.0).as_str()),
            ("segment", &self.segment.to_string()),
            ("last", if self.last { "yes" } else { "no" }),
            ("sop-class", self.sop_class.as_str()),
            ("sop-instance", self.sop_instance.as_str()),
            ("study", study),
            ("patient-id", self.patient_id.reveal()),
            ("patient-name", self.patient_name.reveal()),
            ("birth-date", self.birth_date.reveal()),
            ("accession", self.accession.reveal()),
            ("transfer-syntax", self.transfer_syntax.as_str()),
            ("character-set", &self.character_set),
            ("recipients", &hex(&self.recipients)),
        ] {
            [key, ": ", value, "\n"].iter().for_each(|part| out.push_str(part));
        }
        out.push('\n');
        out
    }

    /// The header that a plaintext begins with, and its length.
    ///
    /// # Errors
    /// What is not exactly as [`Self::write`] has it.
    pub fn parse(plaintext: &[u8]) -> Result<(Self, usize), HeaderFault> {
        let first = plaintext.get(..FIRST_LINE).ok_or(HeaderFault::Version)?;
        let digits = first.strip_prefix(MAGIC.as_bytes()).and_then(|rest| rest.strip_suffix(b"\n"));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok()).ok_or(HeaderFault::Version)?;
        let length: usize = digits.parse().map_err(|_| HeaderFault::Length)?;
        if length > GREATEST_HEADER || !length.is_multiple_of(STEP) {
            return Err(HeaderFault::Length);
        }
        let whole = plaintext.get(..length).ok_or(HeaderFault::Length)?;
        let text = std::str::from_utf8(whole).map_err(|_| HeaderFault::Line("seal"))?;
        let mut lines = text.split('\n').skip(1);
        let mut line = |key: &'static str| {
            let value = lines.next().and_then(|line| line.strip_prefix(key)).and_then(|rest| rest.strip_prefix(": "));
            value.ok_or(HeaderFault::Line(key))
        };
        let number = |text: &str| text.parse().map_err(|_| HeaderFault::Line("segment"));
        let header = Self {
            seal: unhex(line("seal")?).map(SealId).ok_or(HeaderFault::Line("seal"))?,
            segment: number(line("segment")?)?,
            last: line("last")? == "yes",
            sop_class: uid("sop-class", line("sop-class")?)?,
            sop_instance: uid("sop-instance", line("sop-instance")?)?,
            study: Some(line("study")?).filter(|text| !text.is_empty()).map(|text| uid("study", text)).transpose()?,
            patient_id: Phi::new(value("patient-id", line("patient-id")?)?),
            patient_name: Phi::new(value("patient-name", line("patient-name")?)?),
            birth_date: Phi::new(value("birth-date", line("birth-date")?)?),
            accession: Phi::new(value("accession", line("accession")?)?),
            transfer_syntax: uid("transfer-syntax", line("transfer-syntax")?)?,
            character_set: value("character-set", line("character-set")?)?,
            recipients: unhex(line("recipients")?).ok_or(HeaderFault::Line("recipients"))?,
        };
        // There is one way to write each header.
        if header.write(length) == whole { Ok((header, length)) } else { Err(HeaderFault::Form) }
    }
}

impl Drift {
    /// Whether anything differs.
    pub fn any(&self) -> bool {
        self.names().next().is_some()
    }

    /// Keywords of the attributes that differ; never their values.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        [
            (self.study, "StudyInstanceUID"),
            (self.patient_id, "PatientID"),
            (self.patient_name, "PatientName"),
            (self.birth_date, "PatientBirthDate"),
            (self.accession, "AccessionNumber"),
        ]
        .into_iter()
        .filter_map(|(differs, name)| differs.then_some(name))
    }
}

/// Why a plaintext does not begin with a header of format 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFault {
    /// Another version, or none.
    #[error("it is not of sealed format 1")]
    Version,
    /// A length that is none, or runs over the plaintext.
    #[error("its header has an impossible length")]
    Length,
    /// A line is not what must stand there.
    #[error("line `{0}` of its header is not as format 1 has it")]
    Line(&'static str),
    /// All lines are there, but not written in the one way that format 1 has.
    #[error("its header is not written as format 1 has it")]
    Form,
}

/// A value in printable ASCII. One that is too long becomes its digest, and one that looks like a digest does not.
fn encode(value: &[u8]) -> String {
    let mut out = String::with_capacity(value.len());
    for (at, byte) in value.iter().enumerate() {
        let escaped = at == 0 && value.starts_with(DIGEST.as_bytes());
        match byte {
            b' '..=b'~' if *byte != b'%' && !escaped => out.push(char::from(*byte)),
            // Writing to a string cannot fail.
            _ => drop(write!(out, "%{byte:02X}")),
        }
        if out.len() > LONGEST_VALUE {
            return format!("{DIGEST}{}", hex(&sha256(value)));
        }
    }
    out
}

/// A value as [`encode`] writes it.
fn value(key: &'static str, text: &str) -> Result<String, HeaderFault> {
    let written = match text.strip_prefix(DIGEST) {
        Some(digest) => unhex::<32>(digest).is_some_and(|bytes| hex(&bytes) == digest),
        None => decode(text).is_some_and(|bytes| encode(&bytes) == text),
    };
    if written { Ok(text.to_owned()) } else { Err(HeaderFault::Line(key)) }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let [byte] = unhex(std::str::from_utf8(&[*high, *low]).ok()?)?;
                out.push(byte);
                after
            }
            (byte, after) => {
                out.push(*byte);
                after
            }
        };
    }
    Some(out)
}

fn uid(key: &'static str, text: &str) -> Result<Uid, HeaderFault> {
    text.parse().map_err(|_| HeaderFault::Line(key))
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut out = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    let digit = |digit: &u8| char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    for (byte, digits) in out.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = digits else { return None };
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(out)
}

#[cfg(test)]
mod tests;

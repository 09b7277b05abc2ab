//! What of a narrowing an archive may be told, so that it leaves out what would not be shown anyway.
//!
//! **What is sent never leaves out what the check would show**, at any archive that matches by PS3.4 C.2.2.2 or more
//! widely. Therefore only attributes of one value are sent, and their keys are widened before:
//!
//! - Text keeps its ASCII characters; every other character, and `?`, becomes `*`. Archives differ in how they compare
//!   what lies beyond ASCII, and some count bytes where `?` means a character. Widened text that says nothing is not
//!   sent.
//! - Dates and UIDs are sent as they are: they have one spelling.
//! - Names are never sent. The check compares them without case, accents written as they are, in each component group;
//!   archives may compare them with case (C.2.2.2.1), and no key says the one in terms of the other.
//! - Numbers and times are never sent: they have several spellings.

use super::fits::Fits;
use super::{Narrowed, SentKey};
use crate::dicom::Tag;
use dicom_core::VR;

/// Attributes of patients, studies and worklist answers that have one value (PS3.6) and that archives commonly match.
const SINGLE: [Tag; 16] = [
    Tag(0x0008, 0x0020), // StudyDate
    Tag(0x0008, 0x0050), // AccessionNumber
    Tag(0x0008, 0x0080), // InstitutionName
    Tag(0x0008, 0x1030), // StudyDescription
    Tag(0x0008, 0x1040), // InstitutionalDepartmentName
    Tag(0x0010, 0x0020), // PatientID
    Tag(0x0010, 0x0021), // IssuerOfPatientID
    Tag(0x0010, 0x0030), // PatientBirthDate
    Tag(0x0010, 0x0040), // PatientSex
    Tag(0x0020, 0x000d), // StudyInstanceUID
    Tag(0x0020, 0x0010), // StudyID
    Tag(0x0032, 0x1033), // RequestingService
    Tag(0x0032, 0x1060), // RequestedProcedureDescription
    Tag(0x0038, 0x0010), // AdmissionID
    Tag(0x0038, 0x0300), // CurrentPatientLocation
    Tag(0x0040, 0x1001), // RequestedProcedureID
];

/// The keys that all of these permits agree on.
pub(super) fn agreed<'n>(mut permits: impl Iterator<Item = &'n Fits>) -> Vec<SentKey> {
    let Some(first) = permits.next() else { return Vec::new() };
    let mut keys = of(first);
    for fits in permits {
        if keys.is_empty() {
            break;
        }
        let others = of(fits);
        keys.retain(|key| others.contains(key));
    }
    keys
}

fn of(fits: &Fits) -> Vec<SentKey> {
    let mut keys: Vec<SentKey> = Vec::new();
    for (tag, vr, text) in fits.single() {
        if let Some(text) = widened(vr, text)
            && SINGLE.contains(&tag)
            && !keys.iter().any(|key| key.tag == tag)
        {
            keys.push(SentKey { tag, vr, text });
        }
    }
    keys
}

/// A key that fits whatever this one does, at any archive; `None` where there is none that says something.
fn widened(vr: VR, text: &str) -> Option<String> {
    match vr {
        VR::UI => Some(text.trim_matches([' ', '\0']).to_owned()),
        VR::DA => {
            let text = text.trim_matches([' ', '\0']);
            text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-').then(|| text.to_owned())
        }
        VR::CS | VR::LO | VR::SH => {
            let mut wide = String::with_capacity(text.len());
            for c in text.trim_matches([' ', '\0']).chars() {
                match c {
                    c if c.is_ascii() && c != '?' && c != '*' => wide.push(c),
                    _ if wide.ends_with('*') => {}
                    _ => wide.push('*'),
                }
            }
            let says = wide.chars().any(|c| c != '*');
            // Two quotation marks ask for empty values (C.2.2.2.7).
            (says && !wide.contains('"')).then_some(wide)
        }
        _ => None,
    }
}

/// Of the permits, those that a patient's other studies may depend on.
pub(super) fn of_patients(permits: &[Narrowed]) -> impl Iterator<Item = &Fits> {
    permits.iter().filter_map(|permit| permit.lens.patient.as_ref())
}

//! What a CT Image Storage object says beside its pixels (PS3.3 A.3): patient, study, series, frame of reference,
//! equipment, image plane, CT image, SOP common.

use super::pixels::{self, INTERCEPT, SIZE, SLICES, SPACING, THICKNESS};
use crate::demo::elements::{Set, Value, write};
use crate::demo::object::Object;
use crate::dicom::{Tag, Uid};
use bytes::Bytes;
use dicom_core::VR;

/// CT Image Storage.
const CT_IMAGE: &str = "1.2.840.10008.5.1.4.1.1.2";
/// Explicit VR Little Endian.
const EXPLICIT_LE: &str = "1.2.840.10008.1.2.1";
/// UIDs of the phantom are this number and those behind it, under the arc of UUIDs (PS3.5 B.2).
const FIRST: u128 = 0x8f1c_52d0_6a3b_4e0d_9c41_0d1c_0a7e_0000;

/// The phantom's patient name, as it is stored.
pub const PATIENT: &str = "Phantom^Petra";

/// Whose study of one image it is.
#[derive(Debug, Clone, Copy)]
pub struct Whose<'a> {
    /// Which of these studies, from 0; its UIDs come from it.
    pub number: u16,
    /// Patient's Name.
    pub patient: &'a str,
    /// Patient ID.
    pub patient_id: &'a str,
    /// Patient's Birth Date.
    pub birth_date: &'a str,
    /// Referring Physician's Name.
    pub physician: &'a str,
}

fn uid(number: u16) -> String {
    format!("2.25.{}", FIRST + u128::from(number))
}

/// A slice, from 0 (lowest).
pub fn object(slice: u16) -> Option<Object> {
    into_object(&attributes(slice))
}

/// An image of the middle of a head, alone in a study of somebody else's.
pub fn single(whose: &Whose<'_>) -> Option<Object> {
    let mut set = attributes(SLICES / 2);
    let first = 1000 + 10 * whose.number;
    for (group, element, vr, text) in [
        (0x0008, 0x0018, VR::UI, uid(first + 3).as_str()),
        (0x0008, 0x0050, VR::SH, ""),
        (0x0008, 0x0090, VR::PN, whose.physician),
        (0x0010, 0x0010, VR::PN, whose.patient),
        (0x0010, 0x0020, VR::LO, whose.patient_id),
        (0x0010, 0x0030, VR::DA, whose.birth_date),
        (0x0020, 0x000d, VR::UI, &uid(first)),
        (0x0020, 0x000e, VR::UI, &uid(first + 1)),
        (0x0020, 0x0052, VR::UI, &uid(first + 2)),
    ] {
        set.text(Tag(group, element), vr, text);
    }
    into_object(&set)
}

fn attributes(slice: u16) -> Set {
    let instance = uid(100 + slice);
    let number = (slice + 1).to_string();
    let middle = f64::from(SLICES - 1) / 2.0;
    let z = (f64::from(slice) - middle) * THICKNESS;
    let corner = -SPACING * f64::from(SIZE - 1) / 2.0;
    let (position, location) = (format!("{corner:.2}\\{corner:.2}\\{z:.1}"), format!("{z:.1}"));
    let time = format!("0931{:02}", slice % 60);
    let rows: &[(u16, u16, VR, &str)] = &[
        (0x0008, 0x0005, VR::CS, "ISO_IR 192"),
        (0x0008, 0x0008, VR::CS, "ORIGINAL\\PRIMARY\\AXIAL"),
        (0x0008, 0x0016, VR::UI, CT_IMAGE),
        (0x0008, 0x0018, VR::UI, &instance),
        (0x0008, 0x0020, VR::DA, "20260302"),
        (0x0008, 0x0021, VR::DA, "20260302"),
        (0x0008, 0x0022, VR::DA, "20260302"),
        (0x0008, 0x0023, VR::DA, "20260302"),
        (0x0008, 0x0030, VR::TM, "093000"),
        (0x0008, 0x0031, VR::TM, "093100"),
        (0x0008, 0x0032, VR::TM, &time),
        (0x0008, 0x0033, VR::TM, &time),
        (0x0008, 0x0050, VR::SH, "A-2026-0001"),
        (0x0008, 0x0060, VR::CS, "CT"),
        (0x0008, 0x0070, VR::LO, "dicomgate"),
        (0x0008, 0x0080, VR::LO, "Hospital of the Demonstration"),
        (0x0008, 0x0090, VR::PN, "Referrer^Rosa"),
        (0x0008, 0x1010, VR::SH, "CT1"),
        (0x0008, 0x1030, VR::LO, "Head without contrast"),
        (0x0008, 0x103e, VR::LO, "Axial 6 mm"),
        (0x0008, 0x1090, VR::LO, "computed phantom"),
        (0x0010, 0x0010, VR::PN, PATIENT),
        (0x0010, 0x0020, VR::LO, "P-0001"),
        (0x0010, 0x0030, VR::DA, "19700101"),
        (0x0010, 0x0040, VR::CS, "F"),
        (0x0010, 0x4000, VR::LT, "A computed phantom, no patient."),
        (0x0018, 0x0015, VR::CS, "HEAD"),
        (0x0018, 0x0050, VR::DS, "6"),
        (0x0018, 0x0060, VR::DS, "120"),
        (0x0018, 0x5100, VR::CS, "HFS"),
        (0x0020, 0x000d, VR::UI, &uid(0)),
        (0x0020, 0x000e, VR::UI, &uid(1)),
        (0x0020, 0x0010, VR::SH, "1"),
        (0x0020, 0x0011, VR::IS, "1"),
        (0x0020, 0x0012, VR::IS, "1"),
        (0x0020, 0x0013, VR::IS, &number),
        (0x0020, 0x0032, VR::DS, &position),
        (0x0020, 0x0037, VR::DS, "1\\0\\0\\0\\1\\0"),
        (0x0020, 0x0052, VR::UI, &uid(2)),
        (0x0020, 0x1040, VR::LO, ""),
        (0x0020, 0x1041, VR::DS, &location),
        (0x0028, 0x0004, VR::CS, "MONOCHROME2"),
        (0x0028, 0x0030, VR::DS, &format!("{SPACING}\\{SPACING}")),
        (0x0028, 0x1050, VR::DS, "40"),
        (0x0028, 0x1051, VR::DS, "80"),
        (0x0028, 0x1052, VR::DS, &INTERCEPT.to_string()),
        (0x0028, 0x1053, VR::DS, "1"),
        (0x0028, 0x1054, VR::LO, "HU"),
    ];
    let mut set = Set::new();
    for (group, element, vr, text) in rows {
        set.text(Tag(*group, *element), *vr, text);
    }
    // Samples, rows, columns; bits allocated, stored, high; unsigned.
    for (element, value) in
        [(0x0002, 1), (0x0010, SIZE), (0x0011, SIZE), (0x0100, 16), (0x0101, 12), (0x0102, 11), (0x0103, 0)]
    {
        set.short(Tag(0x0028, element), value);
    }
    set.put(Tag(0x7fe0, 0x0010), VR::OW, Value::Bytes(pixels::slice(slice)));
    set
}

fn into_object(set: &Set) -> Option<Object> {
    Some(Object {
        sop_class: Uid::new(CT_IMAGE).ok()?,
        sop_instance: Uid::new(set.plain(Tag(0x0008, 0x0018))).ok()?,
        transfer_syntax: Uid::new(EXPLICIT_LE).ok()?,
        data_set: Bytes::from(write(set, true)),
    })
}

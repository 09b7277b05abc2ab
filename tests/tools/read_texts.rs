//! Says what text the gateway finds in data sets, to be compared with what others find there.
//!
//! `read_texts FILE...`: each DICOM file on one line, its texts by path in a JSON object.
//! `read_texts`: lines of character set, VR and value in hexadecimal digits on standard input; each answered with the
//! text and its bytes written again in hexadecimal digits, as a JSON array, or `null`.

use dicom_core::VR;
use dicomgate::dicom::Tag;
use dicomgate::dicom::dataset::part10::Part10;
use dicomgate::dicom::dataset::record::{Item, Record, RecordLimits};
use dicomgate::dicom::dimse::Tolerances;
use dicomgate::dicom::matching::CharacterSet;
use dicomgate::dicom::transfer_syntax::encoding_of;
use serde_json::{Map, Value, json};
use std::io::BufRead;
use std::str::FromStr;

const TEXT: [VR; 7] = [VR::LO, VR::LT, VR::PN, VR::SH, VR::ST, VR::UC, VR::UT];

fn texts(item: Item<'_>, path: &str, found: &mut Map<String, Value>) {
    for (tag, vr) in item.tags() {
        let Tag(group, element) = tag;
        let place = format!("{path}{group:04X}{element:04X}");
        for (at, inside) in item.items(tag).enumerate() {
            texts(inside, &format!("{place}[{at}]."), found);
        }
        if TEXT.contains(&vr) {
            found.insert(place, json!(item.text(tag)));
        }
    }
}

fn of_file(path: &str) -> Option<Value> {
    let bytes = std::fs::read(path).ok()?;
    let file = Part10::split(&bytes).ok()?;
    let limits = RecordLimits { bytes: u32::MAX, ..RecordLimits::default() };
    let encoding = encoding_of(&file.transfer_syntax);
    let record = Record::read(file.data_set, encoding, Tolerances::ALL, limits).ok()?;
    let mut found = Map::new();
    texts(record.root(), "", &mut found);
    Some(Value::Object(found))
}

fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    let pairs = (0..digits.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect()
}

fn of_line(line: &str) -> Option<Value> {
    let mut parts = line.split(' ');
    let declared = bytes_of(parts.next()?)?;
    let vr = VR::from_str(parts.next()?).ok()?;
    let value = bytes_of(parts.next()?)?;
    let characters = CharacterSet::of(&declared).ok()?;
    let text = characters.decode_as(vr, &value).ok()?;
    let again =
        characters.encode_as(vr, &text).map(|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    Some(json!([text, again]))
}

fn main() {
    let files: Vec<String> = std::env::args().skip(1).collect();
    for path in &files {
        println!("{}", json!(of_file(path)));
    }
    if files.is_empty() {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            println!("{}", json!(of_line(&line)));
        }
    }
}

//! Shows what the vault would make of DICOM files: `seal_parts FILE...` has one line for each element, with what becomes of
//! it, its length and where it is, then what stands in the sealed object instead (for a seal of 100,000 bytes); `seal_parts --banner COLUMNS BITS SAMPLES` writes the banner's pixels to standard output.

#![expect(clippy::expect_used, reason = "a tool of the tests may panic")]

use dicomgate::dicom::dataset::part10::Part10;
use dicomgate::dicom::dataset::{Header, Length, Sink, SinkFault, Vr, WalkLimits, Walker, Want, is_sequence};
use dicomgate::dicom::dimse::Tolerances;
use dicomgate::dicom::transfer_syntax::encoding_of;
use dicomgate::dicom::{Tag, Uid};
use dicomgate::vault::banner;
use dicomgate::vault::carrier::Geometry;
use dicomgate::vault::family::{Element, Family, FamilyOptions, Original, Part, Treatment};
use std::io::Write;
use std::process::ExitCode;

/// Looks at an object as sealing does. Creators are not told apart: nothing is exempt here.
#[derive(Default)]
struct Parts {
    path: Vec<Tag>,
    /// Depths whose sequence is sealed or dropped whole: what is inside is not asked for.
    whole: Vec<u16>,
    lines: Vec<String>,
    class: Option<Uid>,
    original: Original,
    big_endian: bool,
}

impl Sink for Parts {
    fn element(&mut self, header: &Header) -> Result<Want, SinkFault> {
        self.path.truncate(header.depth.into());
        if self.path.len() < usize::from(header.depth) {
            return Ok(Want::Skip);
        }
        self.whole.retain(|depth| *depth < header.depth);
        if self.whole.is_empty() {
            let element =
                Element { path: &self.path, tag: header.tag, vr: header.vr, length: header.length, creator: None };
            let family = Family::sealing(&Uid::new("1.2.3").expect("a UID")).expect("sealed");
            let part = family.of_tag(&element, &FamilyOptions::default());
            let length = match header.length {
                Length::Defined(length) => length.to_string(),
                Length::Undefined => "undefined".to_owned(),
            };
            let vr = header.vr.map_or_else(|| "--".to_owned(), |vr| vr.to_string());
            self.lines.push(format!("{part:?}\t{length}\t{vr}\t{:?}{:?}", self.path, header.tag));
            if let Some(value) = family.stand_in(&self.path, header.tag, &|_| None).filter(|_| part == Part::Seal) {
                let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
                self.lines.push(format!("StandIn\t{}\t{vr}\t{hex}", header.tag));
            }
            if part == Part::Seal {
                self.whole.push(header.depth);
            }
        }
        self.path.push(header.tag);
        let wanted = header.depth == 0 && (Original::wants(header.tag) || header.tag == Tag(0x0008, 0x0016));
        let value = header.vr != Some(Vr::SQ) && is_sequence(header.tag) != Some(true);
        let short = value && matches!(header.length, Length::Defined(length) if length <= 64);
        if wanted && !short {
            self.original.note(header.tag, &[], self.big_endian);
        }
        Ok(if wanted && short { Want::Value } else { Want::Skip })
    }

    fn value(&mut self, header: &Header, value: &[u8]) -> Result<(), SinkFault> {
        if header.tag == Tag(0x0008, 0x0016) {
            self.class = Uid::new(value).ok();
        } else {
            self.original.note(header.tag, value, self.big_endian);
        }
        Ok(())
    }

    fn sequence_end(&mut self, _sequence: Tag, depth: u16) {
        self.path.truncate(depth.into());
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, columns, bits, samples] = arguments.as_slice()
        && flag == "--banner"
    {
        let number = |text: &String| text.parse::<u16>().expect("a number");
        let bits = u8::try_from(number(bits)).expect("a byte");
        let samples = u8::try_from(number(samples)).expect("a byte");
        std::io::stdout().write_all(&banner::rows(number(columns), bits, samples)).expect("written");
        return ExitCode::SUCCESS;
    }
    let mut damaged = false;
    for path in arguments {
        let bytes = std::fs::read(&path).expect("a file");
        let Ok(file) = Part10::split(&bytes) else {
            println!("{path}: no DICOM file");
            continue;
        };
        let encoding = encoding_of(&file.transfer_syntax);
        let mut parts = Parts {
            big_endian: encoding == dicomgate::dicom::transfer_syntax::Encoding::ExplicitBe,
            ..Parts::default()
        };
        let mut walker = Walker::new(encoding, WalkLimits::default(), Tolerances::ALL);
        let outcome = walker.push(file.data_set, &mut parts).and_then(|()| walker.finish());
        damaged |= outcome.is_err();
        let treatment = parts.class.map(|class| Family::of(&class));
        let name = match treatment {
            Some(Treatment::Sealed(family)) => format!("sealed: {}, {:?}", family.name, family.form(&parts.original)),
            Some(Treatment::Never(family)) => format!("never: {}", family.name),
            Some(Treatment::Unsealable(family)) => format!("unsealable: {}", family.name),
            None => "no SOP class".to_owned(),
        };
        println!("# {path}: {name} {}", outcome.err().map_or_else(String::new, |fault| fault.to_string()));
        for line in &parts.lines {
            println!("{line}");
        }
        if let Some(Treatment::Sealed(family)) = treatment {
            let image = family.form(&parts.original).map(|form| Geometry::for_length(100_000, form).expect("fits"));
            for put in family.replacements(&parts.original, image.as_ref()) {
                let hex: String = put.value.iter().map(|byte| format!("{byte:02x}")).collect();
                println!("Put\t{}\t{}\t{hex}", put.tag, put.vr);
            }
            println!("Image\t{image:?}");
        }
    }
    ExitCode::from(u8::from(damaged))
}

//! Decodes DICOM files as the gateway does and prints what comes out: file, Photometric Interpretation and SHA-256 of the
//! native pixels, or why not. For tests that compare with other decoders: `decode_files PROGRAM FOLDER FILE...`; the pixels are
//! written into the folder under their digests.

#![expect(clippy::expect_used, reason = "a tool for tests may panic")]

use dicomgate::dicom::Tag;
use dicomgate::dicom::dataset::part10::Part10;
use dicomgate::dicom::dataset::{Header, Length, Sink, SinkFault, WalkLimits, Walker, Want};
use dicomgate::dicom::dimse::Tolerances;
use dicomgate::dicom::transfer_syntax::Encoding;
use dicomgate::proxy::vault::decode::{Decoder, DecoderSettings, Decoding};
use dicomgate::transform::frames::FramesLimits;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the pixels are.
#[derive(Default)]
struct Found {
    photometric: String,
    pixels: Option<(u64, u32)>,
}

impl Sink for Found {
    fn element(&mut self, header: &Header) -> Result<Want, SinkFault> {
        match (header.tag, header.length, header.depth) {
            (Tag(0x0028, 0x0004), _, 0) => return Ok(Want::Value),
            (Tag(0x7fe0, 0x0010), Length::Defined(length), 0) => self.pixels = Some((header.offset + 12, length)),
            _ => {}
        }
        Ok(Want::Skip)
    }

    fn value(&mut self, _: &Header, value: &[u8]) -> Result<(), SinkFault> {
        self.photometric = String::from_utf8_lossy(value).trim().to_owned();
        Ok(())
    }
}

async fn decode(decoder: &Decoder, folder: &Path, file: &[u8]) -> Result<String, String> {
    let part = Part10::split(file).map_err(|fault| fault.to_string())?;
    let decoding = Decoding::new(decoder, &part.transfer_syntax, Encoding::ExplicitLe, FramesLimits::default());
    let mut decoding = decoding.map_err(|fault| fault.to_string())?;
    let mut out = Vec::new();
    decoding.push(part.data_set).map_err(|fault| fault.to_string())?;
    while decoding.step(&mut out).await.map_err(|fault| fault.to_string())? {}
    decoding.finish(&mut out).map_err(|fault| fault.to_string())?;
    let mut found = Found::default();
    let mut walker = Walker::new(Encoding::ExplicitLe, WalkLimits::default(), Tolerances::ALL);
    walker.push(&out, &mut found).and_then(|()| walker.finish()).map_err(|fault| format!("no data set: {fault}"))?;
    let (from, length) = found.pixels.ok_or("no pixels")?;
    let from = usize::try_from(from).expect("small files");
    let pixels = out.get(from..from + length as usize).ok_or("no pixels")?;
    let digest = ring::digest::digest(&ring::digest::SHA256, pixels);
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    std::fs::write(folder.join(&hex), pixels).map_err(|fault| fault.to_string())?;
    Ok(format!("{}\t{hex}", found.photometric))
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let program = arguments.next().expect("the program");
    let folder = PathBuf::from(arguments.next().expect("a folder, then files"));
    let (program, patience) = (Some(program.into()), Duration::from_secs(60));
    let settings = DecoderSettings { program, memory: 512 << 20, time: patience, wait: patience, workers: 1 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let decoder = Decoder::new(settings);
        for name in arguments {
            let file = std::fs::read(&name).expect("a file");
            match decode(&decoder, &folder, &file).await {
                Ok(said) => println!("{name}\t{said}"),
                Err(fault) => println!("{name}\t-\t{fault}"),
            }
        }
    });
}

use super::{Came, DecodeFault, Decoder, DecoderSettings, Decoding, Unpacking, WorkerFault, unpackable};
use crate::dicom::Tag;
use crate::dicom::dataset::write::DataSet;
use crate::dicom::transfer_syntax::Encoding;
use crate::transform::frames::{FramesFault, FramesLimits};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);
const RLE: &str = "1.2.840.10008.1.2.5";

fn settings(workers: u32) -> DecoderSettings {
    DecoderSettings { program: None, memory: 64 << 20, time: PATIENCE, wait: PATIENCE, workers }
}

#[tokio::test]
async fn what_nothing_decodes_is_known_before_anything_is_fetched() {
    let decoder = Decoder::new(settings(1));
    let begin = |decoder: &Decoder, syntax: &str| {
        Decoding::new(decoder, &syntax.parse().unwrap(), Encoding::ExplicitLe, FramesLimits::default())
    };
    assert!(begin(&decoder, "1.2.840.10008.1.2.4.90").is_ok());
    for syntax in ["1.2.840.10008.1.2.4.58", "1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.110", "1.2.3"] {
        assert!(matches!(begin(&decoder, syntax), Err(DecodeFault::Frames(FramesFault::Syntax(_, _)))), "{syntax}");
    }
    let off = Decoder::new(settings(0));
    assert_eq!(begin(&off, "1.2.840.10008.1.2.4.90").unwrap_err(), DecodeFault::Worker(WorkerFault::Off));
}

#[test]
fn what_is_unpacked_is_what_loses_nothing_and_is_decoded() {
    let all: Vec<&str> = unpackable().map(|syntax| syntax.trim_start_matches("1.2.840.10008.1.2.")).collect();
    assert_eq!(all, ["1.98", "4.57", "4.70", "4.80", "4.90", "4.201", "4.202", "5"]);
}

/// A compressed image with so many columns, in one fragment that nobody could decode.
pub fn compressed(columns: u16) -> Vec<u8> {
    let us = |value: u16| value.to_le_bytes().to_vec();
    let mut bytes = DataSet::new()
        .with(Tag(0x0028, 0x0002), b"US", us(1))
        .with(Tag(0x0028, 0x0004), b"CS", "MONOCHROME2")
        .with(Tag(0x0028, 0x0010), b"US", us(200))
        .with(Tag(0x0028, 0x0011), b"US", us(columns))
        .with(Tag(0x0028, 0x0100), b"US", us(16))
        .with(Tag(0x0028, 0x0101), b"US", us(16))
        .with(Tag(0x0028, 0x0102), b"US", us(15))
        .with(Tag(0x0028, 0x0103), b"US", us(0))
        .encode(Encoding::ExplicitLe);
    bytes.extend_from_slice(&[0xe0, 0x7f, 0x10, 0, b'O', b'B', 0, 0, 0xff, 0xff, 0xff, 0xff]);
    bytes.extend_from_slice(&[0xfe, 0xff, 0, 0xe0, 0, 0, 0, 0]);
    bytes.extend_from_slice(&[0xfe, 0xff, 0, 0xe0, 100, 0, 0, 0]);
    bytes.extend_from_slice(&[7; 100]);
    bytes.extend_from_slice(&[0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    bytes
}

#[tokio::test]
async fn what_no_worker_looks_at_is_not_known_to_be_without_a_seal() {
    // One that cannot be started, and one that ends at once.
    for program in ["/nonexistent", "/bin/false"] {
        let decoder = Decoder::new(DecoderSettings { program: Some(program.into()), ..settings(1) });
        let unpacking = || {
            let limits = FramesLimits::default();
            Unpacking::new(Decoding::new(&decoder, &RLE.parse().unwrap(), Encoding::ExplicitLe, limits).unwrap())
        };
        let (object, mut unpacking_one) = (compressed(512), unpacking());
        unpacking_one.push(&object);
        let mut came = unpacking_one.step().await.unwrap();
        while matches!(came, Came::Nothing) && unpacking_one.has_work() {
            came = unpacking_one.step().await.unwrap();
        }
        let Came::Unknown(bytes, fault) = came else { panic!("{program}: {came:?}") };
        assert!(bytes == object && fault.is_transient(), "{program}: {fault}");
        // No sealed object has so many columns: nobody is asked.
        let (object, mut unpacking_other) = (compressed(500), unpacking());
        unpacking_other.push(&object);
        let Came::Plain(bytes) = unpacking_other.step().await.unwrap() else { panic!("it cannot be sealed") };
        assert!(bytes == object);
    }
}

#[tokio::test]
async fn nobody_waits_for_a_worker_for_ever() {
    // It hangs over what it is asked.
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("hangs");
    std::fs::write(&program, "#!/bin/sh\nexec tail -f /dev/null\n").unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let wait = Duration::from_millis(50);
    let decoder = Decoder::new(DecoderSettings { program: Some(program), wait, ..settings(1) });
    let begin = || Decoding::new(&decoder, &RLE.parse().unwrap(), Encoding::ExplicitLe, FramesLimits::default());
    let (mut first, mut second) = (begin().unwrap(), begin().unwrap());
    first.push(&compressed(512)).unwrap();
    second.push(&compressed(512)).unwrap();
    let (mut out, mut other) = (Vec::new(), Vec::new());
    tokio::select! {
        biased;
        _ = first.step(&mut out) => panic!("it hangs"),
        fault = second.step(&mut other) => {
            assert_eq!(fault.unwrap_err(), DecodeFault::Worker(WorkerFault::Busy(wait)));
        }
    }
}

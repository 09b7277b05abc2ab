//! Decoding in worker processes: one that fails, hangs or dies fails one object, and the next one finds another worker.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use dicomgate::dicom::transfer_syntax::Encoding;
use dicomgate::proxy::vault::decode::{DecodeFault, Decoder, DecoderSettings, Decoding, WorkerFault};
use dicomgate::transform::frames::FramesLimits;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

fn settings(program: PathBuf) -> DecoderSettings {
    let patience = Duration::from_secs(60);
    DecoderSettings { program: Some(program), memory: 64 << 20, time: patience, wait: patience, workers: 1 }
}

fn worker() -> PathBuf {
    env!("CARGO_BIN_EXE_dicomgate").into()
}

fn us(out: &mut Vec<u8>, element: u16, number: u16) {
    out.extend([0x28, 0]);
    out.extend(element.to_le_bytes());
    out.extend(*b"US\x02\x00");
    out.extend(number.to_le_bytes());
}

/// An object in RLE (PS3.5 annex G), 8 bits, every pixel of this value.
fn run_lengths(rows: u16, columns: u16, value: u8) -> Vec<u8> {
    let mut out = Vec::new();
    us(&mut out, 2, 1);
    out.extend(*b"\x28\x00\x04\x00CS\x0c\x00MONOCHROME2 ");
    for (element, number) in [(0x10, rows), (0x11, columns), (0x100, 8), (0x101, 8), (0x102, 7), (0x103, 0)] {
        us(&mut out, element, number);
    }
    let mut frame = vec![1, 0, 0, 0, 64, 0, 0, 0];
    frame.resize(64, 0);
    let pixels = usize::from(rows) * usize::from(columns);
    for at in (0..pixels).step_by(128) {
        let run = (pixels - at).min(128);
        frame.extend([if run == 1 { 0 } else { (257 - run) as u8 }, value]);
    }
    out.extend(*b"\xe0\x7f\x10\x00OB\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\x00\x00\x00\x00\xfe\xff\x00\xe0");
    out.extend((frame.len() as u32).to_le_bytes());
    out.extend(frame);
    out.extend(*b"\xfe\xff\xdd\xe0\x00\x00\x00\x00");
    out
}

async fn decode(decoder: &Decoder, object: &[u8]) -> Result<Vec<u8>, DecodeFault> {
    let syntax = "1.2.840.10008.1.2.5".parse().unwrap();
    let mut decoding = Decoding::new(decoder, &syntax, Encoding::ExplicitLe, FramesLimits::default())?;
    let mut out = Vec::new();
    for piece in object.chunks(1000) {
        decoding.push(piece)?;
        while decoding.step(&mut out).await? {}
    }
    decoding.finish(&mut out)?;
    Ok(out)
}

fn script(folder: &tempfile::TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("worker");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[tokio::test]
async fn a_worker_decodes_many_objects() {
    let decoder = Decoder::new(settings(worker()));
    for value in 0..4 {
        let out = decode(&decoder, &run_lengths(300, 200, value)).await.unwrap();
        assert!(out.ends_with(&vec![value; 60_000]));
    }
}

#[tokio::test]
async fn what_fits_into_no_memory_fails_and_the_next_object_does_not() {
    let decoder = Decoder::new(settings(worker()));
    // Rows and Columns of 4 GiB, in a handful of bytes.
    let mut bomb = run_lengths(8, 8, 1);
    let rows = bomb.windows(4).position(|at| at == [0x28, 0, 0x10, 0]).unwrap();
    for at in [rows + 8, rows + 9, rows + 18, rows + 19] {
        bomb[at] = 0xff;
    }
    assert!(matches!(decode(&decoder, &bomb).await, Err(DecodeFault::Frames(_))));
    // Within what one frame may have, but decoded it does not fit beside itself.
    let small = Decoder::new(DecoderSettings { memory: 20 << 20, ..settings(worker()) });
    assert!(matches!(
        decode(&small, &run_lengths(4400, 4400, 1)).await,
        Err(DecodeFault::Worker(_) | DecodeFault::Frames(_))
    ));
    for decoder in [decoder, small] {
        assert!(decode(&decoder, &run_lengths(30, 30, 1)).await.is_ok());
    }
}

#[tokio::test]
async fn a_frame_that_is_refused_leaves_the_worker_as_it_was() {
    let decoder = Decoder::new(settings(worker()));
    let mut damaged = run_lengths(300, 200, 1);
    let at = damaged.len() - 20;
    damaged[at] = 0x80;
    damaged.drain(at + 1..at + 3);
    let _ = decode(&decoder, &damaged).await;
    let mut none = run_lengths(30, 30, 1);
    let segments = none.windows(8).position(|at| at == [1, 0, 0, 0, 64, 0, 0, 0]).unwrap();
    none[segments] = 0;
    assert!(matches!(decode(&decoder, &none).await, Err(DecodeFault::Worker(WorkerFault::Refused(_)))));
    assert!(decode(&decoder, &run_lengths(30, 30, 1)).await.is_ok());
}

#[tokio::test]
async fn a_worker_that_hangs_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let program = script(&folder, "exec sleep 1000");
    let decoder = Decoder::new(DecoderSettings { time: Duration::from_millis(200), ..settings(program) });
    for _ in 0..2 {
        let outcome = decode(&decoder, &run_lengths(30, 30, 1)).await;
        assert_eq!(outcome, Err(DecodeFault::Worker(WorkerFault::Slow(Duration::from_millis(200)))));
    }
}

#[tokio::test]
async fn a_worker_that_dies_or_talks_nonsense_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    for text in ["exit 1", "head -c 104 >/dev/null; head -c 4000 /dev/zero", "cat"] {
        let decoder = Decoder::new(settings(script(&folder, text)));
        for _ in 0..2 {
            let outcome = decode(&decoder, &run_lengths(30, 30, 1)).await;
            assert_eq!(outcome, Err(DecodeFault::Worker(WorkerFault::Failed)), "{text}");
        }
    }
    let none = Decoder::new(settings(folder.path().join("none")));
    let outcome = decode(&none, &run_lengths(30, 30, 1)).await;
    assert!(matches!(outcome, Err(DecodeFault::Worker(WorkerFault::Start(_)))));
}

//! Who takes no compressed images gets them decoded, by workers of the installed program; and what an archive has compressed
//! is decoded before it is opened.

use crate::site::{Getting, Sealed, between, context_of, head, noted, proposal, recoded, seal_with, setup};
use crate::support::process::Process;
use crate::support::rle::{COLUMNS, PIXELS, RLE, ROWS, encapsulated, read, recompressed, run_lengths};
use crate::support::wait_until;
use crate::support::words::{EXPLICIT, IMPLICIT};
use dicomgate::dicom::Tag;
use dicomgate::dicom::dataset::write::DataSet;
use dicomgate::dicom::dimse::Status;
use dicomgate::dicom::transfer_syntax::Encoding;
use dicomgate::state::SealEnd;
use dicomgate::vault::SealContext;
use dicomgate::vault::carrier::Carrier;
use std::process::Command;
use std::sync::Arc;

/// Images of 64 columns and 16 bits.
struct Made {
    instance: &'static str,
    rows: u16,
    frames: Vec<Vec<u8>>,
}

impl Made {
    /// With frames of so many rows, no two of which are alike.
    fn new(instance: &'static str, rows: u16, frames: usize) -> Self {
        let one = |frame: usize| (0..usize::from(rows) * 128).map(|at| (at * (at + frame) / 7 % 251) as u8).collect();
        Self { instance, rows, frames: (0..frames).map(one).collect() }
    }

    fn pixels(&self) -> Vec<u8> {
        self.frames.concat()
    }

    /// As a compressed object.
    fn compressed(&self) -> Vec<u8> {
        let us = |value: u16| value.to_le_bytes().to_vec();
        let described = head(self.instance)
            .with(Tag(0x0028, 0x0002), b"US", us(1))
            .with(Tag(0x0028, 0x0004), b"CS", "MONOCHROME2")
            .with(Tag(0x0028, 0x0008), b"IS", self.frames.len().to_string())
            .with(ROWS, b"US", us(self.rows))
            .with(COLUMNS, b"US", us(64))
            .with(Tag(0x0028, 0x0100), b"US", us(16))
            .with(Tag(0x0028, 0x0101), b"US", us(16))
            .with(Tag(0x0028, 0x0102), b"US", us(15))
            .with(Tag(0x0028, 0x0103), b"US", us(0));
        let frames: Vec<Vec<u8>> = self.frames.iter().map(|frame| run_lengths(frame, 2)).collect();
        encapsulated(described.encode(Encoding::ExplicitLe), &frames)
    }

    fn sealed(&self, context: &Arc<SealContext>) -> Sealed {
        seal_with(context, self.instance, RLE, &self.compressed(), Carrier::Pixels)
    }
}

fn getting(process: &Process, contexts: &[&[&str]]) -> Getting {
    let mut getting = between(process.plain(), &process.archive, &proposal("WS1", contexts), |_, _| None);
    getting.asks();
    getting.archive.message();
    getting
}

/// The decoding workers of a gateway.
fn workers(process: &Process) -> Vec<String> {
    let parent = process.child.id();
    let children = std::fs::read_dir(format!("/proc/{parent}/task")).unwrap().flat_map(|task| {
        let path = task.unwrap().path().join("children");
        std::fs::read_to_string(path).unwrap_or_default().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    });
    children.collect()
}

fn signal(workers: &[String], name: &str) {
    assert!(!workers.is_empty());
    assert!(Command::new("kill").arg(name).args(workers).status().unwrap().success());
}

#[test]
fn what_was_sealed_compressed_is_decoded_for_who_takes_it_native() {
    let process = Process::start(&setup("", ""));
    let context = context_of(process.dir.path());
    let good = Made::new("1.5", 700, 1);
    // It says more rows than it has.
    let bad = Made { rows: 900, ..Made::new("1.6", 700, 1) };
    let last = Made::new("1.7", 30, 1);
    for (syntax, encoding) in [(EXPLICIT, Encoding::ExplicitLe), (IMPLICIT, Encoding::ImplicitLe)] {
        let mut getting = getting(&process, &[&[syntax]]);
        let on = getting.on(syntax);
        for made in [&good, &bad, &last] {
            getting.send_on(on, made.instance, &recoded(&made.sealed(&context).bytes, encoding));
            if made.rows == 900 {
                getting.fails("1.6", Status::CANNOT_UNDERSTAND);
                continue;
            }
            let flat = read(&getting.arrives().data.unwrap(), encoding);
            assert!(flat.get(PIXELS).unwrap() == made.pixels(), "{syntax}");
            assert_eq!(flat.get(ROWS).unwrap(), made.rows.to_le_bytes());
            assert_eq!(
                flat.get(Tag(0x0008, 0x0018)).unwrap().trim_ascii_end(),
                format!("{}\0", made.instance).as_bytes()
            );
        }
        getting.ends();
    }
}

#[test]
fn who_takes_its_own_syntax_gets_it_as_it_was() {
    let process = Process::start(&setup("", ""));
    let made = Made::new("1.5", 100, 3);
    let mut getting = getting(&process, &[&[EXPLICIT], &[RLE]]);
    getting.send("1.5", &made.sealed(&context_of(process.dir.path())).bytes);
    let got = getting.arrives();
    assert!(got.context == 5 && got.data.unwrap() == made.compressed());
    getting.ends();
    assert!(workers(&process).is_empty());
}

#[test]
fn a_frame_that_is_not_decoded_keeps_the_whole_object_back() {
    let process = Process::start(&setup("", ""));
    let context = context_of(process.dir.path());
    let mut broken = Made::new("1.5", 200, 40);
    broken.frames[39].truncate(1000);
    let whole = Made::new("1.6", 200, 40);
    let mut getting = getting(&process, &[&[EXPLICIT]]);
    getting.send("1.5", &broken.sealed(&context).bytes);
    getting.fails("1.5", Status::CANNOT_UNDERSTAND);
    getting.send("1.6", &whole.sealed(&context).bytes);
    assert!(read(&getting.arrives().data.unwrap(), Encoding::ExplicitLe).get(PIXELS).unwrap() == whole.pixels());
    getting.ends();
}

#[test]
fn a_long_image_goes_as_it_is_decoded_and_is_never_completed_where_it_is_not() {
    let process = Process::start(&setup("", "decode_whole = \"0B\"\nopen_whole = \"0B\"\nspool_disk = \"1MiB\""));
    let context = context_of(process.dir.path());
    let mut made = Made::new("1.5", 500, 14);
    let mut first = getting(&process, &[&[EXPLICIT]]);
    first.send("1.5", &made.sealed(&context).bytes);
    assert!(read(&first.arrives().data.unwrap(), Encoding::ExplicitLe).get(PIXELS).unwrap() == made.pixels());
    first.ends();
    made.frames[13].truncate(1000);
    let mut second = getting(&process, &[&[EXPLICIT]]);
    second.send("1.5", &made.sealed(&context).bytes);
    // Pixels, and an A-ABORT in the place of the last fragment.
    let rest = second.caller.rest();
    assert!(rest.len() > 500_000 && rest.ends_with(&[7, 0, 0, 0, 0, 4, 0, 0, 2, 0]), "{:?}", rest.len());
}

#[test]
fn a_worker_that_dies_or_hangs_fails_one_object_at_most() {
    let process = Process::start(&setup("decode_time = \"1s\"\ndecode_workers = 1", ""));
    let sealed = Made::new("1.5", 100, 1).sealed(&context_of(process.dir.path()));
    let mut getting = getting(&process, &[&[EXPLICIT]]);
    getting.send("1.5", &sealed.bytes);
    getting.arrives();
    // Nothing was asked of it when it died: the next frame finds another.
    let died = workers(&process);
    signal(&died, "-KILL");
    getting.send("1.5", &sealed.bytes);
    getting.arrives();
    wait_until("another worker is there", || workers(&process).iter().any(|worker| !died.contains(worker)));
    signal(&workers(&process), "-STOP");
    getting.send("1.5", &sealed.bytes);
    getting.fails("1.5", Status::PROCESSING_FAILURE);
    getting.send("1.5", &sealed.bytes);
    getting.arrives();
    getting.ends();
}

#[test]
fn without_workers_it_is_said_that_nothing_is_decoded() {
    let process = Process::start(&setup("decode_workers = 0", ""));
    let sealed = Made::new("1.5", 100, 1).sealed(&context_of(process.dir.path()));
    let mut getting = getting(&process, &[&[EXPLICIT]]);
    getting.send("1.5", &sealed.bytes);
    getting.fails("1.5", Status::DATA_SET_MISMATCH);
    getting.ends();
}

#[test]
fn what_the_archive_compressed_without_losses_is_decoded_and_opened() {
    let process = Process::start(&setup("", ""));
    let context = context_of(process.dir.path());
    let native = crate::site::image("1.5", 300_000);
    let made = Made::new("1.6", 200, 20);
    // Nothing is sealed in this one, though it looks as if it could be.
    let plain = recompressed(&blank("1.7"));
    let mut getting = getting(&process, &[&[RLE], &[EXPLICIT]]);
    getting.send_on(3, "1.5", &recompressed(&seal_with(&context, "1.5", EXPLICIT, &native, Carrier::Pixels).bytes));
    let got = getting.arrives();
    assert!(got.context == 5 && got.data.unwrap() == native);
    getting.send_on(3, "1.6", &recompressed(&made.sealed(&context).bytes));
    let got = getting.arrives();
    assert!(got.context == 3 && got.data.unwrap() == made.compressed());
    getting.send_on(3, "1.7", &plain);
    let got = getting.arrives();
    assert!(got.context == 3 && got.data.unwrap() == plain, "bit for bit");
    getting.ends();
}

#[test]
fn what_the_archive_compressed_does_not_open_once_it_is_changed() {
    let process = Process::start(&setup("", ""));
    let context = context_of(process.dir.path());
    let mut sealed = seal_with(&context, "1.5", EXPLICIT, &crate::site::image("1.5", 300_000), Carrier::Pixels);
    let at = sealed.bytes.len() - 100_000;
    sealed.bytes[at] ^= 1;
    let mut getting = getting(&process, &[&[RLE], &[EXPLICIT]]);
    getting.send_on(3, "1.5", &recompressed(&sealed.bytes));
    getting.fails("1.5", Status::PROCESSING_FAILURE);
    getting.ends();
}

#[test]
fn what_no_worker_looks_at_is_handed_out_only_if_nothing_says_that_it_is_sealed() {
    let process = Process::start(&setup("decode_time = \"1s\"\ndecode_workers = 1", ""));
    let context = context_of(process.dir.path());
    let native = crate::site::image("1.5", 300_000);
    let sealed = seal_with(&context, "1.5", EXPLICIT, &native, Carrier::Pixels);
    noted(process.dir.path(), &sealed, SealEnd::Acknowledged);
    let plain = recompressed(&blank("1.7"));
    let mut getting = getting(&process, &[&[RLE], &[EXPLICIT]]);
    let stopped = |getting: &mut Getting| {
        // A worker is there, and idle.
        getting.send_on(3, "1.7", &plain);
        assert!(getting.arrives().data.unwrap() == plain);
        signal(&workers(&process), "-STOP");
    };
    stopped(&mut getting);
    getting.send_on(3, "1.5", &recompressed(&sealed.bytes));
    let words = getting.fails("1.5", Status::PROCESSING_FAILURE);
    assert!(words.starts_with("denied, incident "), "{words}");
    // With the next worker.
    getting.send_on(3, "1.5", &recompressed(&sealed.bytes));
    assert!(getting.arrives().data.unwrap() == native);
    stopped(&mut getting);
    getting.send_on(3, "1.7", &plain);
    assert!(getting.arrives().data.unwrap() == plain, "bit for bit");
    getting.ends();
}

/// An image of the size that sealed ones have.
fn blank(instance: &str) -> Vec<u8> {
    let us = |value: u16| value.to_le_bytes().to_vec();
    let set: DataSet = head(instance)
        .with(Tag(0x0028, 0x0002), b"US", us(1))
        .with(Tag(0x0028, 0x0004), b"CS", "MONOCHROME2")
        .with(ROWS, b"US", us(200))
        .with(COLUMNS, b"US", us(512))
        .with(Tag(0x0028, 0x0100), b"US", us(16))
        .with(Tag(0x0028, 0x0101), b"US", us(16))
        .with(Tag(0x0028, 0x0102), b"US", us(15))
        .with(Tag(0x0028, 0x0103), b"US", us(0))
        .with(PIXELS, b"OW", vec![7; 200 * 1024]);
    set.encode(Encoding::ExplicitLe)
}

//! What happens when the disk is full, the process dies, or many write at once.

use super::*;
use crate::audit::Seed;
use crate::audit::event::Event;
use crate::audit::keys;
use crate::audit::verify::{Expectations, FaultKind, Proof, Report, verify};
use std::path::Path;
use std::sync::atomic::AtomicI64;

fn clock() -> jiff::Timestamp {
    static MICROS: AtomicI64 = AtomicI64::new(1_795_000_000_000_000);
    jiff::Timestamp::from_microsecond(MICROS.fetch_add(7, Ordering::Relaxed)).unwrap()
}

fn options(state: &Path) -> LogOptions {
    LogOptions { sync: Sync::Group(Duration::from_millis(1)), ..LogOptions::new("gate-1", state, clock) }
}

fn event() -> Event<'static> {
    Event::Stopped { reason: "test" }
}

fn check(state: &Path, seed: Option<Seed>) -> Report {
    let ratchet = Some(keys::ratchet_state(state).unwrap());
    verify(&state.join("audit"), Expectations { seed, ratchet, ..Expectations::default() }, || None).unwrap()
}

#[test]
fn a_log_is_proven_to_its_end_and_goes_on_after_a_restart() {
    let state = tempfile::tempdir().unwrap();
    let Opened { log, seed, .. } = Log::open(options(state.path())).unwrap();
    for _ in 0..100 {
        log.append(&event(), 1).unwrap();
    }
    log.close().unwrap();
    let Opened { log, seed: again, warnings } = Log::open(options(state.path())).unwrap();
    assert!(again.is_none() && warnings.is_empty());
    let receipt = log.append(&event(), 1).unwrap();
    assert_eq!(log.head().sequence, receipt.sequence);
    log.close().unwrap();
    let report = check(state.path(), seed);
    assert_eq!(report.faults, []);
    assert_eq!(report.proven, Some((report.last.sequence - 1, Proof::Mac)));
    assert!(report.is_proven());
}

#[test]
fn two_gateways_cannot_share_a_log() {
    let state = tempfile::tempdir().unwrap();
    let first = Log::open(options(state.path())).unwrap();
    assert!(matches!(Log::open(options(state.path())), Err(LogFault::InUse(_))));
    drop(first);
    Log::open(options(state.path())).unwrap();
}

#[test]
fn many_threads_make_one_chain_and_each_gets_its_own_receipt() {
    let state = tempfile::tempdir().unwrap();
    let log = Log::open(options(state.path())).unwrap().log;
    let mut sequences: Vec<u64> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| (0..200).map(|_| log.append(&event(), 1).unwrap().sequence).collect::<Vec<_>>()))
            .collect();
        handles.into_iter().flat_map(|handle| handle.join().unwrap()).collect()
    });
    log.close().unwrap();
    sequences.sort_unstable();
    sequences.dedup();
    assert_eq!(sequences.len(), 1600);
    let report = check(state.path(), None);
    assert_eq!(report.faults, []);
    assert!(report.records >= 1602);
}

#[test]
fn files_rotate_and_the_chain_goes_on() {
    let state = tempfile::tempdir().unwrap();
    let Opened { log, seed, .. } = Log::open(LogOptions { file_size: 1000, ..options(state.path()) }).unwrap();
    for _ in 0..3 {
        for _ in 0..20 {
            log.append(&event(), 1).unwrap();
        }
        log.shared.rotate().unwrap();
    }
    log.close().unwrap();
    let report = check(state.path(), seed);
    assert_eq!(report.faults, []);
    assert!(report.files >= 4, "{}", report.files);
}

/// A disk of which the test says how much room is left.
struct SmallDisk {
    file: File,
    left: &'static AtomicUsize,
}

static LEFT: AtomicUsize = AtomicUsize::new(usize::MAX);

impl Sink for SmallDisk {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        use std::io::Write as _;
        let left = self.left.load(Ordering::SeqCst);
        let fits = &bytes[..left.min(bytes.len())];
        (&self.file).write_all(fits)?;
        if fits.len() < bytes.len() { Err(io::Error::from(io::ErrorKind::StorageFull)) } else { Ok(()) }
    }
    fn truncate(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }
    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

#[test]
fn a_full_disk_refuses_work_keeps_what_is_owed_and_recovers() {
    let state = tempfile::tempdir().unwrap();
    let sink = |file| Arc::new(SmallDisk { file, left: &LEFT }) as Arc<dyn Sink>;
    let Opened { log, seed, .. } = Log::open(LogOptions { sink, ..options(state.path()) }).unwrap();
    log.append(&event(), 1).unwrap();
    let (owed, dropped) = (log.reserve().unwrap(), log.reserve().unwrap());
    let before = log.head();
    LEFT.store(50, Ordering::SeqCst);
    assert_eq!(log.append(&event(), 1), Err(Unrecorded));
    assert!(log.reserve().is_err());
    let mut body = Body::new("owed", false);
    body.number("n", 1);
    assert_eq!(owed.append(body), Err(Unrecorded));
    dropped.append_soon(Body::new("dropped", false));
    assert_eq!(log.head(), before);
    LEFT.store(usize::MAX, Ordering::SeqCst);
    log.checkpoint().unwrap();
    assert!(log.reserve().is_ok());
    log.close().unwrap();
    let text = whole(state.path());
    assert!(text.contains("\"event\":\"resumed\"") && text.contains("\"unrecorded\":"), "{text}");
    assert!(text.contains("\"event\":\"owed\",\"n\":1,\"late\":true"), "{text}");
    assert_eq!(text.matches("\"event\":\"dropped\"").count(), 1);
    let report = check(state.path(), seed);
    assert_eq!(report.faults, []);
}

#[test]
fn rooms_are_limited_and_come_back() {
    let state = tempfile::tempdir().unwrap();
    let log = Log::open(LogOptions { rooms: 2, ..options(state.path()) }).unwrap().log;
    let (one, two) = (log.reserve().unwrap(), log.reserve().unwrap());
    assert!(log.reserve().is_err());
    drop(one);
    two.append(Body::new("x", false)).unwrap();
    let both = (log.reserve().unwrap(), log.reserve().unwrap());
    assert!(log.reserve().is_err());
    drop(both);
}

#[test]
fn a_torn_last_line_is_moved_aside_and_the_chain_says_so() {
    let state = tempfile::tempdir().unwrap();
    let Opened { log, seed, .. } = Log::open(options(state.path())).unwrap();
    log.append(&event(), 1).unwrap();
    log.close().unwrap();
    let path = last(state.path());
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend_from_slice(b"{\"seq\":6,\"at\":\"2026\0\0\0\0");
    std::fs::write(&path, &bytes).unwrap();
    let Opened { log, warnings, .. } = Log::open(options(state.path())).unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    log.close().unwrap();
    let report = check(state.path(), seed);
    assert_eq!(report.faults, []);
    assert_eq!(report.notes.len(), 1, "{:?}", report.notes);
    let aside: Vec<_> =
        std::fs::read_dir(state.path().join("audit")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(aside.iter().any(|name| name.to_string_lossy().contains(".torn-")), "{aside:?}");
}

#[test]
fn a_key_spent_in_a_crash_is_explained_and_a_cut_tail_is_not() {
    let state = tempfile::tempdir().unwrap();
    let Opened { log, seed, .. } = Log::open(options(state.path())).unwrap();
    log.append(&event(), 1).unwrap();
    let held = log.head();
    log.close().unwrap();
    // As if the machine had died between spending the key and writing the checkpoint.
    let mut keys = Keys::load(state.path()).unwrap();
    keys.spend(held).unwrap();
    drop(keys);
    Log::open(options(state.path())).unwrap().log.close().unwrap();
    assert_eq!(check(state.path(), seed.clone()).faults, []);
    // And now somebody cuts ten records off and starts the gateway again.
    let cut = whole(state.path()).lines().take(4).map(|line| format!("{line}\n")).collect::<String>();
    std::fs::write(last(state.path()), cut).unwrap();
    assert!(check(state.path(), seed.clone()).faults.iter().any(|fault| matches!(fault.kind, FaultKind::Cut { .. })));
    let Opened { log, warnings, .. } = Log::open(options(state.path())).unwrap();
    assert!(warnings.iter().any(|words| words.contains("gone")), "{warnings:?}");
    log.close().unwrap();
    let kinds: Vec<_> = check(state.path(), seed).faults.into_iter().map(|fault| fault.kind).collect();
    assert!(kinds.iter().any(|kind| matches!(kind, FaultKind::Missing(..))), "{kinds:?}");
}

fn last(state: &Path) -> PathBuf {
    let folder = state.join("audit");
    folder.join(list(&folder).unwrap().pop().unwrap().1)
}

fn whole(state: &Path) -> String {
    let folder = state.join("audit");
    list(&folder).unwrap().into_iter().map(|(_, name)| std::fs::read_to_string(folder.join(name)).unwrap()).collect()
}

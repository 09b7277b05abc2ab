//! Opening the log: begin a chain, or check the tail of the one that is there, mend it openly, and go on.

use super::maintain::{Bell, file_body};
use super::writer::{Waiting, Writer};
use super::{Log, LogFault, LogOptions, Shared, Unrecorded, files, lock};
use crate::audit::body::Body;
use crate::audit::chain::{self, Head};
use crate::audit::checkpoint::Occasion;
use crate::audit::incident::IncidentKey;
use crate::audit::keys::{self, Keys};
use crate::audit::ratchet::Seed;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex};

/// No line of ours is longer; what is, is damage.
pub(crate) const LONGEST_LINE: u64 = 1 << 20;

/// A log that was opened, and what there is to say about it.
#[derive(Debug)]
pub struct Opened {
    /// The log.
    pub log: Log,
    /// A new chain was begun: to be shown once, now, and kept by the auditor off this machine.
    pub seed: Option<Seed>,
    /// What was found wrong and is in the chain now, in words; for the gateway's own log.
    pub warnings: Vec<String>,
}

/// What the last file looks like.
struct Tail {
    head: Head,
    /// Bytes up to the end of the last sound record.
    length: u64,
    /// Bytes behind it.
    excess: u64,
    /// Lines before it that do not verify.
    faulty: Option<u64>,
    /// Number of the last checkpoint up to here.
    checkpoint: Option<u64>,
    /// First sequence of the file.
    first: u64,
    /// The record that the ratchet remembers is there.
    held: bool,
    /// The last record is the checkpoint of an orderly stop.
    clean: bool,
}

impl Log {
    /// Opens the log of a state folder; at the first start a chain and its keys are made and the seed is returned.
    /// A torn last line (the machine died in mid write) is moved to a file beside it, and the chain says so.
    pub fn open(options: LogOptions) -> Result<Opened, LogFault> {
        if options.gateway.chars().any(char::is_control) {
            return Err(LogFault::Name(options.gateway));
        }
        let folder = files::folder(&options.state);
        let fault = |source| LogFault::File { path: folder.clone(), source };
        files::make_folder(&folder).map_err(fault)?;
        let guard = files::lock(&folder).map_err(fault)?.ok_or_else(|| LogFault::InUse(folder.clone()))?;
        let last = last_file(&folder).map_err(fault)?;
        let (keys, seed) = match (keys::exist(&options.state), &last) {
            (true, _) => (Keys::load(&options.state)?, None),
            (false, Some(_)) => return Err(LogFault::KeysGone(folder)),
            (false, None) => {
                let (keys, seed) = Keys::create(&options.state)?;
                (keys, Some(seed))
            }
        };
        let mut news = Body::new("opened", false);
        let mut warnings = Vec::new();
        let (file, name, head, length) = match &last {
            Some(name) => {
                let (head, length) = mend(&folder, name, &keys, &mut news, &mut warnings).map_err(fault)?;
                let file = files::reopen(&folder, name).map_err(fault)?;
                (file, name.clone(), head, length)
            }
            None => {
                let head = keys.ratchet.held;
                if head != Head::START {
                    let words = format!("all log files are gone: records up to {} were there", head.sequence);
                    news.words("alarm", &words);
                    warnings.push(words);
                }
                let name = files::name(head.sequence.saturating_add(1));
                (files::create(&folder, &name).map_err(fault)?, name, head, 0)
            }
        };
        let log = start(options, guard, keys, Place { file, name, head, length }, &news)?;
        Ok(Opened { log, seed, warnings })
    }
}

struct Place {
    file: File,
    name: String,
    head: Head,
    length: u64,
}

fn start(options: LogOptions, guard: files::Taken, keys: Keys, place: Place, news: &Body) -> Result<Log, LogFault> {
    let incidents = IncidentKey::new(&keys.incident, &options.gateway);
    let first = file_body(&options.gateway, keys.signer.public_key(), keys.last_spent(), None);
    let writer = Writer {
        sink: (options.sink)(place.file),
        file: place.name,
        length: place.length,
        head: place.head,
        incidents,
        out: Vec::new(),
        outage: None,
    };
    let begins = place.length == 0;
    let mut shared = Shared {
        options,
        pending: Mutex::default(),
        writer: Mutex::new(writer),
        keys: Mutex::new(keys),
        head: Mutex::new(place.head),
        failing: AtomicBool::new(false),
        unproven: AtomicBool::new(false),
        dirty: AtomicBool::new(false),
        rooms: AtomicUsize::new(0),
        bytes: AtomicU64::new(0),
        bell: Bell::default(),
        run: 0,
        _taken: guard,
    };
    let mut bodies = vec![news.clone()];
    if begins {
        bodies.insert(0, first);
    }
    let at = shared.now();
    let waiting = bodies.into_iter().map(|body| Waiting { body, at, room: false, slot: None }).collect();
    let expected = place.head.sequence.saturating_add(if begins { 2 } else { 1 });
    shared.commit(&mut lock(&shared.writer), waiting);
    shared.run = lock(&shared.head).sequence;
    if shared.run != expected {
        return Err(LogFault::Unrecorded(Unrecorded));
    }
    shared.checkpoint(Occasion::Start)?;
    let shared = Arc::new(shared);
    let background = Arc::clone(&shared);
    let worker = std::thread::Builder::new().name("audit".to_owned()).spawn(move || background.maintain());
    let worker = worker.map_err(|source| LogFault::File { path: shared.options.state.clone(), source })?;
    Ok(Log { shared, worker: Mutex::new(Some(worker)) })
}

/// Checks the last file and returns where the chain goes on.
fn mend(
    folder: &Path,
    name: &str,
    keys: &Keys,
    news: &mut Body,
    warnings: &mut Vec<String>,
) -> io::Result<(Head, u64)> {
    let held = keys.ratchet.held;
    let tail = inspect(folder, name, held)?;
    let mut alarm = Vec::new();
    news.flag("clean", tail.clean);
    if tail.excess > 0 {
        let (aside, bytes) = files::move_aside(folder, name, tail.length)?;
        news.number("torn_bytes", bytes).text("moved_to", &aside);
        warnings.push(format!("the last record in `{name}` was torn: {bytes} bytes moved to `{aside}`"));
    }
    if let Some(sequence) = tail.faulty {
        alarm.push(format!("the chain does not verify in `{name}` at record {sequence}"));
    }
    let mut head = tail.head;
    if !tail.held && held.sequence >= tail.first {
        alarm.push(format!(
            "records are gone or changed: the chain held record {held}, and `{name}` ends at record {}",
            head.sequence
        ));
        if held.sequence > head.sequence {
            // Numbers that were given out are not given out again: the gap stays visible.
            head = held;
        }
    }
    let spent = keys.ratchet.next.number().saturating_sub(1);
    if tail.held && tail.checkpoint.is_some_and(|last| last < spent) {
        news.number("lost_checkpoint", spent);
    }
    if !alarm.is_empty() {
        let words = alarm.join("; ");
        news.words("alarm", &words);
        warnings.push(words);
    }
    Ok((head, tail.length))
}

/// The newest file with a record in it. One without (the machine died as it was begun) is taken away; whatever stands
/// in it is kept beside.
fn last_file(folder: &Path) -> io::Result<Option<String>> {
    let mut files = files::list(folder)?;
    while let Some((_, name)) = files.pop() {
        let tail = inspect(folder, &name, Head::START)?;
        if tail.length > 0 {
            return Ok(Some(name));
        }
        if tail.excess > 0 {
            files::move_aside(folder, &name, 0)?;
        }
        std::fs::remove_file(folder.join(&name))?;
    }
    Ok(None)
}

/// Reads a file from its beginning, in bounded memory.
fn inspect(folder: &Path, name: &str, held: Head) -> io::Result<Tail> {
    let mut reader = BufReader::with_capacity(1 << 16, File::open(folder.join(name))?);
    let first = files::first_sequence(name).unwrap_or_default();
    let mut tail = Tail {
        head: Head { sequence: first.saturating_sub(1), hash: [0; 32] },
        length: 0,
        excess: 0,
        faulty: None,
        checkpoint: None,
        first,
        held: held.sequence < first,
        clean: false,
    };
    let mut previous = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(tail);
        }
        let read = u64::try_from(read).unwrap_or_default();
        let place = line.strip_suffix(b"\n").and_then(chain::place).filter(|place| place.sound);
        let Some(place) = place else {
            tail.excess += read;
            continue;
        };
        let follows = previous.is_none_or(|previous: Head| {
            place.previous == previous.hash && place.sequence == previous.sequence.saturating_add(1)
        });
        if (tail.excess > 0 || !follows || previous.is_none() && place.sequence != first) && tail.faulty.is_none() {
            tail.faulty = Some(place.sequence);
        }
        tail.length += tail.excess + read;
        tail.excess = 0;
        tail.head = Head { sequence: place.sequence, hash: place.hash };
        tail.held |= tail.head == held;
        note_checkpoint(&line, &mut tail);
        previous = Some(tail.head);
    }
}

fn note_checkpoint(line: &[u8], tail: &mut Tail) {
    tail.clean = false;
    let field = match chain::event_name(line) {
        Some("checkpoint") => "checkpoint",
        Some("file") => "checkpoints",
        _ => return,
    };
    if let Ok(record) = serde_json::from_slice::<serde_json::Value>(line) {
        tail.checkpoint = record.get(field).and_then(serde_json::Value::as_u64);
        tail.clean = record.get("occasion").and_then(serde_json::Value::as_str) == Some("stop");
    }
}

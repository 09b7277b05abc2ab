//! The operations of a folder, one after the other.

use super::{History, Past, Seen};
use crate::audit::read;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

/// How many lines are read before somebody is told, and asked whether to go on.
const STRIDE: u64 = 4096;

/// Which records, and how local clocks showed their time.
#[derive(Debug, Clone)]
pub struct Span {
    /// Not before this moment; `None`: all.
    pub since: Option<jiff::Timestamp>,
    /// In which rules name hours and days.
    pub zone: TimeZone,
}

/// Who is told how far it went, and says whether to go on.
pub type Progress<'a> = &'a mut dyn FnMut(Seen) -> ControlFlow<()>;

/// How it went.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What came by.
    pub seen: Seen,
    /// It went through to the end.
    pub whole: bool,
    /// Who was put into quarantine: `peer:NAME`, `user:NAME`.
    pub quarantined: BTreeSet<String>,
}

/// Hands every operation of a log to `visit`, oldest first, in bounded memory.
///
/// # Errors
/// The log cannot be read.
pub fn run(
    folder: &Path,
    span: &Span,
    progress: Progress<'_>,
    visit: &mut dyn FnMut(&Past<'_>),
) -> io::Result<Outcome> {
    let mut history = History::new(span.zone.clone(), span.since);
    let mut whole = true;
    read::lines(folder, span.since, |line| {
        history.line(line, visit);
        if history.seen().lines.is_multiple_of(STRIDE) && progress(history.seen()).is_break() {
            whole = false;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    Ok(Outcome { seen: history.seen(), whole, quarantined: history.quarantined().clone() })
}

//! The audit log, read as operations, with progress on standard error once it takes longer than a second.

use super::Answer;
use crate::audit::history::{Outcome, Past, Seen, Span, run};
use crate::audit::verify::advice;
use crate::cli::EXIT_INTERNAL;
use crate::policy::replay::number;
use std::io::IsTerminal as _;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

const SILENT: Duration = Duration::from_secs(1);
const TERMINAL: Duration = Duration::from_millis(200);
const FILE: Duration = Duration::from_secs(10);

/// Says on standard error how far something has come.
pub(super) struct Progress {
    began: Instant,
    said: Instant,
    terminal: bool,
    any: bool,
}

impl Progress {
    pub fn new() -> Self {
        let now = Instant::now();
        Self { began: now, said: now, terminal: std::io::stderr().is_terminal(), any: false }
    }

    pub fn step(&mut self, seen: Seen) {
        let pause = if self.terminal { TERMINAL } else { FILE };
        if self.began.elapsed() < SILENT || self.any && self.said.elapsed() < pause {
            return;
        }
        self.said = Instant::now();
        self.any = true;
        let words = format!("{} records read, {} operations", number(seen.lines), number(seen.operations));
        if self.terminal {
            eprint!("\r{words}");
        } else {
            eprintln!("{words}");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.any && self.terminal {
            eprintln!();
        }
    }
}

/// Hands every operation since a moment to `visit`.
///
/// # Errors
/// Why the log cannot be read, and the exit code.
pub(super) fn each(
    state: &Path,
    since: Option<jiff::Timestamp>,
    visit: &mut dyn FnMut(&Past<'_>),
) -> Result<Outcome, Answer> {
    let folder = state.join("audit");
    let mut progress = Progress::new();
    let span = Span { since, zone: jiff::tz::TimeZone::system() };
    let mut step = |seen| {
        progress.step(seen);
        ControlFlow::Continue(())
    };
    run(&folder, &span, &mut step, visit).map_err(|fault| {
        let code = if fault.kind() == std::io::ErrorKind::NotFound { 1 } else { EXIT_INTERNAL };
        let words = format!("the audit log `{}` cannot be read: {fault}{}\n", folder.display(), advice(&fault));
        Answer::complaint(words, code)
    })
}

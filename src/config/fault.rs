//! What is wrong, where, and what to write instead.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Whether something stops the gateway from starting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// `run` and `check` refuse.
    Error,
    /// `check` refuses, `run` says so loudly and works: where the files come from another hand than the configuration.
    Weakness,
    /// Worth a look.
    Warning,
}

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// Whether it stops the gateway.
    pub severity: Severity,
    /// The file it stands in.
    pub file: PathBuf,
    /// Line, from 1; 0 when the fault is with the file as a whole.
    pub line: usize,
    /// Column in characters, from 1; 0 when the fault is with the file as a whole.
    pub column: usize,
    /// What is wrong, in one line.
    pub message: String,
    /// The offending line.
    pub text: String,
    /// How many characters of it, from `column`.
    pub length: usize,
    /// What to write instead.
    pub hint: Option<String>,
}

/// How the message about a line that cannot be parsed begins.
pub(super) const NOT_TOML: &str = "this is not TOML";

/// The longest piece of a line that a fault shows, in characters.
const SHOWN: usize = 160;

impl Fault {
    /// A fault with a file as a whole.
    pub fn of_file(file: &Path, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            file: file.to_path_buf(),
            line: 0,
            column: 0,
            message: message.into(),
            text: String::new(),
            length: 0,
            hint: None,
        }
    }

    /// The same with advice.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Sets the advice.
    pub(super) fn hint(&mut self, hint: impl Into<String>) -> &mut Self {
        self.hint = Some(hint.into());
        self
    }
}

/// `file:line:column: message`, the offending line with a mark below, the hint.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        match self.severity {
            Severity::Error => write!(f, " {}", self.message)?,
            Severity::Weakness => write!(f, " weak: {}", self.message)?,
            Severity::Warning => write!(f, " warning: {}", self.message)?,
        }
        if !self.text.is_empty() {
            let gutter = self.line.to_string().len();
            write!(f, "\n  {} | {}", self.line, self.text)?;
            write!(
                f,
                "\n  {:gutter$} | {:before$}{}",
                "",
                "",
                "^".repeat(self.length),
                before = self.column.max(1) - 1
            )?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong, in the order of the files; never empty of errors when it is returned as an error.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
#[serde(transparent)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// Whether anything stops the gateway.
    pub fn any_error(&self) -> bool {
        self.0.iter().any(|fault| fault.severity == Severity::Error)
    }

    /// Sorts by file as first named, line and column, and drops repetitions.
    pub(super) fn sorted(mut self, files: &[&Path]) -> Self {
        let rank = |fault: &Fault| files.iter().position(|file| *file == fault.file).unwrap_or(files.len());
        self.0.sort_by_key(|fault| (rank(fault), fault.line, fault.column));
        self.0.dedup();
        self
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.0.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Collects the faults of one file.
pub struct Report<'a> {
    path: &'a Path,
    text: &'a str,
    faults: Vec<Fault>,
    /// The bytes of every error.
    wrong: Vec<Range<usize>>,
}

impl<'a> Report<'a> {
    pub(super) fn new(path: &'a Path, text: &'a str) -> Self {
        Self { path, text, faults: Vec::new(), wrong: Vec::new() }
    }

    /// Adds an error at these bytes of the file.
    pub(super) fn error(&mut self, at: Range<usize>, message: impl Into<String>) -> &mut Fault {
        self.add(Severity::Error, at, message.into())
    }

    /// Adds a warning at these bytes of the file.
    pub(super) fn warning(&mut self, at: Range<usize>, message: impl Into<String>) -> &mut Fault {
        self.add(Severity::Warning, at, message.into())
    }

    fn add(&mut self, severity: Severity, at: Range<usize>, message: String) -> &mut Fault {
        if severity == Severity::Error {
            self.wrong.push(at.clone());
        }
        let fault = Fault { severity, message, ..self.place(at) };
        self.faults.push(fault);
        let last = self.faults.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "a fault was pushed just now")]
        &mut self.faults[last]
    }

    /// The line, from 1, in which a byte of the file stands.
    pub(super) fn line(&self, at: usize) -> u32 {
        u32::try_from(place(self.text, at..at).line).unwrap_or(u32::MAX)
    }

    /// The text of the file.
    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// The bytes of a line, from 1, without what surrounds its words.
    pub(super) fn line_span(&self, line: u32) -> Range<usize> {
        let mut start = 0;
        for (number, text) in (1u32..).zip(self.text.split_inclusive('\n')) {
            if number == line {
                return start..start + text.trim_end().len();
            }
            start += text.len();
        }
        start..start
    }

    /// Everything found. What a line that is not TOML seems to say besides is left out.
    pub(super) fn into_faults(self) -> Vec<Fault> {
        let broken = |fault: &Fault| fault.message.starts_with(NOT_TOML);
        let lines: Vec<usize> = self.faults.iter().filter(|fault| broken(fault)).map(|fault| fault.line).collect();
        self.faults.into_iter().filter(|fault| broken(fault) || !lines.contains(&fault.line)).collect()
    }

    /// A fault at these bytes, without words yet.
    pub(super) fn place(&self, at: Range<usize>) -> Fault {
        let place = place(self.text, at);
        Fault {
            severity: Severity::Error,
            file: self.path.to_path_buf(),
            line: place.line,
            column: place.column,
            message: String::new(),
            text: place.text,
            length: place.length,
            hint: None,
        }
    }

    /// Whether an error was already found within these bytes.
    pub(super) fn has_error_in(&self, at: &Range<usize>) -> bool {
        self.wrong
            .iter()
            .any(|wrong| wrong.start < at.end.max(at.start + 1) && at.start < wrong.end.max(wrong.start + 1))
    }

    /// Whether anything but warnings was found.
    pub(super) fn any_error(&self) -> bool {
        self.faults.iter().any(|fault| fault.severity == Severity::Error)
    }
}

struct Place {
    line: usize,
    column: usize,
    text: String,
    length: usize,
}

/// Line, column and text of some bytes. Spans may end anywhere: they are clipped to characters, and to their first line.
fn place(text: &str, at: Range<usize>) -> Place {
    let start = floor(text, at.start);
    let end = floor(text, at.end.max(start));
    let before = text.get(..start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let rest = text.get(line_start..).unwrap_or_default();
    let line = rest.split('\n').next().unwrap_or_default().trim_end_matches('\r');
    let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
    let veiled = veil(line);
    let shown: String = veiled.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN).collect();
    let marked = text.get(start..end).unwrap_or_default().split('\n').next().unwrap_or_default();
    let room = shown.chars().count().saturating_sub(column.saturating_sub(1));
    let length = marked.trim_end().chars().count().min(room).max(1);
    Place { line: before.matches('\n').count() + 1, column, text: shown, length }
}

/// A line without what may be a password: behind `postgres://`, behind `database =`, behind anything called password, and
/// the PIN of a `pkcs11:` URI.
fn veil(line: &str) -> Cow<'_, str> {
    let lower = line.to_ascii_lowercase();
    let url = lower.find("postgres").and_then(|at| Some(at + lower.get(at..)?.find("://")? + 3));
    let named = |word: &str, whole: bool| {
        let behind = lower.find(word)? + word.len();
        let equals = behind + lower.get(behind..)?.find('=')?;
        let between = lower.get(behind..equals)?.trim_matches(['"', '\'', ' ', '\t']);
        (!whole || between.is_empty()).then_some(equals + 1)
    };
    let pin = lower.find("pin-value").map(|at| at + "pin-value".len());
    let hidden = [url, pin, named("database", true), named("password", false)].into_iter().flatten().min();
    match hidden.and_then(|at| line.get(..at)) {
        Some(open) if open.ends_with('=') => Cow::Owned(format!("{open} \"...\"")),
        Some(open) => Cow::Owned(format!("{open}...")),
        None => Cow::Borrowed(line),
    }
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The word that was most likely meant.
pub(super) fn nearest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let lower = word.to_lowercase();
    known
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(&lower, &known.to_lowercase()), known))
        .filter(|(distance, known)| *distance <= 1 + known.len().max(lower.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

//! Commands of this program, run as somebody types them: a process of its own, with nothing of what the demonstration knows.

use std::ffi::OsString;
use std::fmt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The most words that are shown: what is behind them are files.
const SHOWN: usize = 16;

/// A command: the words behind `dicomgate`.
#[derive(Debug, Clone)]
pub struct Words(Vec<OsString>);

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; `None`: a signal ended it.
    pub code: Option<i32>,
    /// What it said on standard output.
    pub said: String,
    /// What it said on standard error.
    pub complained: String,
    /// How long it took.
    pub took: Duration,
}

impl Words {
    /// Of words.
    pub fn new(words: &[&str]) -> Self {
        Self(words.iter().map(OsString::from).collect())
    }

    /// With one more, such as a path.
    #[must_use]
    pub fn and(mut self, word: impl Into<OsString>) -> Self {
        self.0.push(word.into());
        self
    }

    /// Runs it and waits for its end.
    ///
    /// # Errors
    /// It cannot be started.
    pub async fn run(&self) -> Result<Ended, String> {
        let words = self.0.clone();
        let started = Instant::now();
        let run = move || {
            let program = std::env::current_exe()?;
            Command::new(program).args(words).stdin(Stdio::null()).output()
        };
        // Another thread waits: the archive that it talks to is here.
        let output = tokio::task::spawn_blocking(run).await.map_err(|fault| fault.to_string())?;
        let output = output.map_err(|fault| format!("`{self}` cannot be started: {fault}"))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Ended {
            code: output.status.code(),
            said: text(&output.stdout),
            complained: text(&output.stderr),
            took: started.elapsed(),
        })
    }

    /// Runs it; anything but exit code 0 is a fault, with what it said in lines of its own.
    ///
    /// # Errors
    /// It cannot be started, or fails.
    pub async fn done(&self) -> Result<Ended, String> {
        let ended = self.run().await?;
        if ended.code == Some(0) {
            return Ok(ended);
        }
        let code = ended.code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
        let words = format!("{}{}", ended.complained, ended.said);
        Err(format!("`{self}` ended with {code}:\n{}", words.trim_end()).replace('\n', "\n    "))
    }
}

/// As it is typed into a terminal. Paths of the demonstration have no blanks but where `TMPDIR` has.
impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dicomgate")?;
        for word in self.0.iter().take(SHOWN) {
            let word = word.to_string_lossy();
            if word.contains(' ') { write!(f, " '{word}'")? } else { write!(f, " {word}")? }
        }
        if self.0.len() > SHOWN { f.write_str(" ...") } else { Ok(()) }
    }
}

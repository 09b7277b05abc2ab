//! `dicomgate audit verify|show|review`: proves the log, shows it, and lists what somebody has to look at. They never
//! write to the log.

pub mod review;
pub mod show;
pub mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

/// `dicomgate audit`
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Prove the log: exit 0 if all of it holds, 1 if not
    Verify(verify::Args),
    /// Show records, oldest first
    Show(show::Args),
    /// Uses of emergency access that somebody has to look at
    Review(review::Args),
}

/// Runs a command.
pub fn run(command: &Command) -> ExitCode {
    match command {
        Command::Verify(args) => verify::run(args),
        Command::Show(args) => show::run(args),
        Command::Review(args) => review::run(args),
    }
}

/// Where the log lies.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// Configuration that names the state folder
    #[arg(long, value_name = "FILE", default_value = crate::config::DEFAULT_PATH)]
    pub config: PathBuf,
    /// State folder, in place of the configuration's
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For scripts
    Json,
}

impl Place {
    /// The state folder, and the gateway's name where a configuration gave it. On failure says why, and returns the
    /// exit code.
    pub fn state(&self) -> Result<(PathBuf, Option<String>), ExitCode> {
        let (state, name) = match &self.state {
            Some(state) => (state.clone(), None),
            None => match crate::config::load(&self.config) {
                Ok(settings) => (settings.gateway.state.clone(), Some(settings.gateway.name.to_string())),
                // The log is asked just when something is wrong, with the policy perhaps.
                Err(faults) => match crate::config::state_folder(&self.config) {
                    Some(state) => (state, None),
                    None => {
                        eprintln!("{faults}");
                        eprintln!("the log can be read without a configuration: --state DIR");
                        return Err(ExitCode::from(64));
                    }
                },
            },
        };
        // What may not be looked at is said by whoever opens it.
        if matches!(state.join("audit").try_exists(), Ok(false)) {
            eprintln!("no gateway has kept an audit log in `{}` yet; --state DIR names another place", state.display());
            return Err(ExitCode::from(1));
        }
        Ok((state, name))
    }
}

/// Says on standard error what went wrong inside, and returns exit code 70.
pub fn internal(words: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("{words}");
    ExitCode::from(70)
}

/// The moment that lies this far back: `10m`, `2h`, `3d`.
pub fn ago(text: &str) -> Result<jiff::Timestamp, String> {
    let words = || format!("`{text}` is no length of time: write `10m`, `2h` or `3d`");
    let span: jiff::Span = text.parse().map_err(|_| words())?;
    let now = jiff::Zoned::now();
    now.checked_sub(span).map(|then| then.timestamp()).map_err(|_| words())
}

//! What the state of a gateway keeps, asked by a command beside it.

use super::{EXIT_CONFIGURATION, EXIT_INTERNAL};
use crate::config::{self, Settings};
use crate::state::{State, StateFault};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The longest name or reason that is taken, characters.
const LONGEST: usize = 200;

/// Whose state.
#[derive(Debug, clap::Args)]
pub struct Whose {
    /// The configuration
    #[arg(long, short, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    config: PathBuf,
}

impl Whose {
    /// Opens the state and asks it; on failure says why, and returns the exit code.
    pub fn ask<T>(&self, question: impl AsyncFnOnce(State) -> Result<T, StateFault>) -> Result<T, ExitCode> {
        let settings = config::load(&self.config).map_err(|faults| {
            eprintln!("{faults}");
            ExitCode::from(EXIT_CONFIGURATION)
        })?;
        self.is_there(&settings)?;
        let internal = |words: String| {
            eprintln!("{words}");
            ExitCode::from(EXIT_INTERNAL)
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|fault| internal(format!("the runtime cannot be started: {fault}")))?;
        runtime
            .block_on(async {
                let state = crate::cli::state::open(&settings).await?;
                question(state).await
            })
            .map_err(|fault| internal(fault.to_string()))
    }

    /// To look must not make what is looked for.
    fn is_there(&self, settings: &Settings) -> Result<(), ExitCode> {
        let folder: &Path = &settings.gateway.state;
        if settings.gateway.database.is_none() && matches!(folder.join("state.db").try_exists(), Ok(false)) {
            eprintln!("no gateway has kept its state in `{}` yet", folder.display());
            return Err(ExitCode::from(1));
        }
        Ok(())
    }
}

/// A name or reason that goes into records: printable, not too long.
pub fn words(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > LONGEST || text.chars().any(char::is_control) {
        return Err(format!("write 1 to {LONGEST} printable characters"));
    }
    Ok(text.to_owned())
}

/// A moment for people.
pub fn moment(unix: i64) -> String {
    jiff::Timestamp::from_second(unix).map_or_else(|_| "never".to_owned(), |moment| moment.to_string())
}

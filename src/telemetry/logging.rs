//! Where log lines go. They carry no patient data: types that hold any do not print.

use tracing_subscriber::EnvFilter;

/// rustls warns of every alert; what it is about stands in our own line, which a flood of callers cannot multiply.
const USUAL: &str = "info,rustls=error";

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// Starts logging to standard error. `DICOMGATE_LOG` sets the level, as `info` or `dicomgate=debug`. A second call in
/// one process changes nothing.
pub fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_env("DICOMGATE_LOG").unwrap_or_else(|_| EnvFilter::new(USUAL));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let started = match format {
        LogFormat::Text => lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging was already started");
    }
}

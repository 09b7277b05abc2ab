//! `dicomgate check`: everything that is wrong with the configuration and its wiring, at once; what it means, if it is fine.

use crate::config::{self, Fault, Faults, ListenerTls, Settings, Severity};
use crate::pki::{self, TlsFiles, TlsMaterial};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

/// Exit code of a configuration that is refused.
const CONFIGURATION: u8 = 64;

/// Arguments of `dicomgate check`.
#[derive(Debug, Clone, clap::Args)]
pub struct Check {
    /// The gateway's configuration.
    #[arg(long, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    pub config: PathBuf,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For scripts.
    Json,
}

/// Runs the command and prints its answer. Exit code 0 if nothing is refused, 64 otherwise, 70 if printing fails.
pub fn run(check: &Check) -> std::process::ExitCode {
    let (text, code) = answer(check, &jiff::Zoned::now());
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => code.into(),
        Err(_) => 70.into(),
    }
}

/// What the command prints, and its exit code.
pub fn answer(check: &Check, now: &jiff::Zoned) -> (String, u8) {
    let (settings, faults) = match config::load_at(&check.config, now) {
        Ok(settings) => {
            let mut faults = settings.source.warnings.clone();
            faults.extend(wiring(&settings, now));
            (Some(settings), Faults(faults))
        }
        Err(faults) => (None, faults),
    };
    let refused = faults.0.iter().any(|fault| fault.severity != Severity::Warning);
    let text = match check.format {
        Format::Json => json(&faults, settings.as_ref().filter(|_| !refused)),
        Format::Text => text(&faults, settings.as_ref().filter(|_| !refused)),
    };
    (text, if refused { CONFIGURATION } else { 0 })
}

/// What can only be known by opening keys and certificates. Asking archives (C-ECHO) and peers belongs here too.
fn wiring(settings: &Settings, now: &jiff::Zoned) -> Vec<Fault> {
    let Some(files) = TlsFiles::of(settings) else { return Vec::new() };
    let fault = |severity, words: String| Fault { severity, ..Fault::of_file(&settings.source.gateway, words) };
    match TlsMaterial::load(&files, now.timestamp().as_second()) {
        Err(faults) => faults.iter().map(|found| fault(Severity::Error, found.to_string())).collect(),
        Ok(material) => {
            let said = material.warnings.iter().filter_map(|warning| match warning {
                pki::Warning::ExposedKey(_) => None, // said already, where its path stands
                pki::Warning::Ends { .. } => Some(fault(Severity::Warning, warning.to_string())),
                pki::Warning::OldList { .. } => Some(fault(Severity::Weakness, warning.to_string())),
            });
            said.collect()
        }
    }
}

fn text(faults: &Faults, settings: Option<&Settings>) -> String {
    let mut text = String::new();
    for fault in &faults.0 {
        let _ = writeln!(text, "{fault}\n");
    }
    match settings {
        Some(settings) => text.push_str(&meaning(settings)),
        None => {
            let errors = faults.0.iter().filter(|fault| fault.severity != Severity::Warning).count();
            let what = if errors == 1 { "1 fault".to_owned() } else { format!("{errors} faults") };
            let _ = writeln!(text, "{what}: the configuration is refused");
        }
    }
    text
}

fn json(faults: &Faults, settings: Option<&Settings>) -> String {
    let answer = serde_json::json!({
        "accepted": settings.is_some(),
        "faults": faults,
        "meaning": settings.map(|settings| meaning(settings).lines().map(str::to_owned).collect::<Vec<_>>()),
    });
    format!("{answer:#}\n")
}

/// The configuration in a few lines.
fn meaning(settings: &Settings) -> String {
    let mut text = format!("{}: the configuration is fine\n", settings.gateway.name);
    for listener in &settings.listeners {
        let callers = match listener.tls {
            ListenerTls::Mutual => "TLS, callers show a certificate",
            ListenerTls::Server => "TLS, callers show no certificate",
            ListenerTls::Off => "plain DICOM, only peers with tls = \"off\" from their networks",
        };
        let _ = writeln!(text, "  listens on {} ({}): {callers}", listener.address, listener.name);
    }
    for archive in &settings.archives {
        let titles: Vec<String> = archive.answers_to.iter().map(ToString::to_string).collect();
        let _ =
            writeln!(text, "  archive {} at {}, called as {}", archive.ae_title, archive.address, titles.join(", "));
    }
    let policy = &settings.policy;
    let _ = writeln!(
        text,
        "  policy {}: {}, {}, {}",
        settings.source.policy.display(),
        counted(policy.peers.len(), "peer"),
        counted(policy.rules.len(), "rule"),
        counted(policy.tests.len(), "test"),
    );
    if policy.rules.is_empty() {
        text.push_str("  no rule: everything is refused\n");
    }
    if let Some(until) = policy.observe_until {
        let _ = writeln!(text, "  OBSERVING until {until}: what no rule permits is recorded, not refused");
    }
    match settings.admin.address {
        Some(address) => {
            let _ = writeln!(text, "  health, readiness and metrics on http://{address}");
        }
        None => text.push_str("  no health, readiness and metrics\n"),
    }
    text
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

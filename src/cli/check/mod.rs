//! `dicomgate check`: everything that is wrong with the configuration and its wiring, at once; what it means, if it is fine.

mod archive;
mod peer;
mod place;
mod provider;
pub mod shows;
mod vault;
mod wiring;

use crate::cli::EXIT_INTERNAL;
use crate::config::{self, Fault, Faults, ListenerTls, Serves, Settings, Severity};
use crate::pki::{self, TlsFiles, TlsMaterial};
use place::Places;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use wiring::{Finding, Ground};

/// Exit code of a configuration that is refused.
const CONFIGURATION: u8 = 64;

/// Arguments of `dicomgate check`.
#[derive(Debug, Clone, clap::Args)]
pub struct Check {
    /// The gateway's configuration.
    #[arg(long, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    pub config: PathBuf,
    /// Look at the files alone: dial nobody.
    #[arg(long)]
    pub offline: bool,
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

/// Runs the command and prints its answer. Exit code 0 if nothing is wrong, 1 if the wiring is, 64 if the configuration
/// is refused, 70 if printing fails.
pub fn run(check: &Check) -> std::process::ExitCode {
    let (text, code) = answer(check, &jiff::Zoned::now());
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => code.into(),
        Err(_) => EXIT_INTERNAL.into(),
    }
}

/// What the command prints, and its exit code.
pub fn answer(check: &Check, now: &jiff::Zoned) -> (String, u8) {
    let (settings, faults, material) = match config::load_at(&check.config, now) {
        Ok(settings) => {
            let mut faults = settings.source.warnings.clone();
            let (material, found) = material(&settings, now);
            faults.extend(found);
            faults.extend(shows::faults(&settings));
            faults.extend(vault::faults(&settings, check.offline, now));
            (Some(settings), Faults(faults), material)
        }
        Err(faults) => (None, faults, None),
    };
    let refused = faults.0.iter().any(|fault| fault.severity != Severity::Warning);
    let settings = settings.filter(|_| !refused);
    let meaning = settings.as_ref().map(meaning);
    let found = match settings {
        Some(settings) if !check.offline => match prove(settings, material) {
            Ok(found) => Some(found),
            Err(fault) => return (format!("the runtime cannot be started: {fault}\n"), EXIT_INTERNAL),
        },
        _ => None,
    };
    let broken = found.iter().flatten().any(Finding::is_fault);
    let code = if refused { CONFIGURATION } else { u8::from(broken) };
    let text = match check.format {
        Format::Json => json(&faults, meaning.as_deref(), found.as_deref()),
        Format::Text => text(&faults, meaning.as_deref(), found.as_deref()),
    };
    (text, code)
}

/// Dials everybody.
fn prove(settings: Settings, material: Option<TlsMaterial>) -> std::io::Result<Vec<Finding>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let places = Places::of(&settings);
    let ground = Arc::new(Ground { settings, places, material });
    let watched = std::io::stderr().is_terminal();
    let found = runtime.block_on(wiring::prove(ground, |done, most| {
        if watched {
            eprint!("\r  the wiring: {done} of {most} have answered");
        }
    }));
    if watched {
        eprintln!();
    }
    Ok(found)
}

/// What can only be known by opening keys and certificates.
fn material(settings: &Settings, now: &jiff::Zoned) -> (Option<TlsMaterial>, Vec<Fault>) {
    let Some(files) = TlsFiles::of(settings) else { return (None, Vec::new()) };
    let fault = |severity, words: String| Fault { severity, ..Fault::of_file(&settings.source.gateway, words) };
    match TlsMaterial::load(&files, now.timestamp().as_second()) {
        Err(faults) => (None, faults.iter().map(|found| fault(Severity::Error, found.to_string())).collect()),
        Ok(material) => {
            let said = material.warnings.iter().filter_map(|warning| match warning {
                pki::Warning::ExposedKey(_) => None, // said already, where its path stands
                pki::Warning::Ends { .. } => Some(fault(Severity::Warning, warning.to_string())),
                pki::Warning::OldList { .. } => Some(fault(Severity::Weakness, warning.to_string())),
            });
            let said = said.collect();
            (Some(material), said)
        }
    }
}

fn text(faults: &Faults, meaning: Option<&str>, found: Option<&[Finding]>) -> String {
    let mut text = String::new();
    for fault in &faults.0 {
        let _ = writeln!(text, "{fault}\n");
    }
    let Some(meaning) = meaning else {
        let errors = faults.0.iter().filter(|fault| fault.severity != Severity::Warning).count();
        let _ = writeln!(text, "{}: the configuration is refused", counted(errors, "fault"));
        return text;
    };
    text.push_str(meaning);
    let Some(found) = found else { return text };
    text.push_str("the wiring:\n");
    for finding in found.iter().filter(|finding| finding.fault.is_none()) {
        let _ = writeln!(text, "  {}: {}", finding.about, finding.words);
    }
    for fault in found.iter().filter_map(|finding| finding.fault.as_ref()) {
        let _ = writeln!(text, "\n{fault}");
    }
    let faults = found.iter().filter(|finding| finding.is_fault()).count();
    match faults {
        0 => text.push_str("  no fault\n"),
        _ => {
            let _ =
                writeln!(text, "\n{} in the wiring; `--offline` looks at the files alone", counted(faults, "fault"));
        }
    }
    text
}

fn json(faults: &Faults, meaning: Option<&str>, found: Option<&[Finding]>) -> String {
    let answer = serde_json::json!({
        "accepted": meaning.is_some(),
        "faults": faults,
        "meaning": meaning.map(|meaning| meaning.lines().collect::<Vec<_>>()),
        "wiring": found,
    });
    format!("{answer:#}\n")
}

/// The configuration in a few lines.
fn meaning(settings: &Settings) -> String {
    let mut text = format!("{}: the configuration is fine\n", settings.gateway.name);
    for listener in &settings.listeners {
        let callers = match listener.tls {
            _ if listener.serves == Serves::Archive => "archives call back here",
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
    vault::meaning(settings, &mut text);
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

#[cfg(test)]
mod tests;

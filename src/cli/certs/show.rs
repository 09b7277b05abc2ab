//! `dicomgate certs show`.

use super::{Format, Outcome, day, print};
use crate::pki::{CertificateStatus, facts, load};
use crate::policy::CertificateFacts;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Show whose a certificate is, until when, and how a policy names it
#[derive(Debug, clap::Args)]
pub(super) struct Show {
    /// PEM files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How the result is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Show {
    pub(super) fn run(&self, now: i64, out: &mut dyn Write) -> Outcome {
        let mut text = String::new();
        let mut all = Vec::new();
        for file in &self.files {
            for der in load::certificates(file).map_err(|fault| fault.to_string())? {
                let unreadable = |reason: String| format!("`{}`: {reason}", file.display());
                let status = facts::status(&der).map_err(unreadable)?;
                let patterns = patterns(&facts::unchecked(&der).map_err(unreadable)?);
                match self.format {
                    Format::Text => text.push_str(&lines(file, &status, &patterns, now)),
                    Format::Json => all.push(value(file, &status, &patterns, now)),
                }
            }
        }
        match self.format {
            Format::Text => print(out, &text),
            Format::Json => print(out, &format!("{}\n", serde_json::Value::from(all))),
        }
    }
}

fn lines(file: &Path, status: &CertificateStatus, patterns: &[String], now: i64) -> String {
    let names = if status.names.is_empty() { "none".to_owned() } else { status.names.join(", ") };
    let mut text = format!(
        "{}\n  subject  {}\n  names    {names}\n  serial   {}\n  valid    {} to {} ({})\n",
        file.display(),
        status.subject,
        status.serial,
        day(status.not_before),
        day(status.not_after),
        state(status, now),
    );
    for (index, pattern) in patterns.iter().enumerate() {
        let label = if index == 0 { "policy" } else { "    or" };
        text.push_str(&format!("  {label}   certificate = \"{pattern}\"\n"));
    }
    text
}

fn value(file: &Path, status: &CertificateStatus, patterns: &[String], now: i64) -> serde_json::Value {
    serde_json::json!({
        "file": file,
        "subject": status.subject,
        "names": status.names,
        "serial": status.serial,
        "not_before": day(status.not_before),
        "not_after": day(status.not_after),
        "state": state(status, now),
        "patterns": patterns,
    })
}

const fn state(status: &CertificateStatus, now: i64) -> &'static str {
    if status.not_before > now {
        "not valid yet"
    } else if status.not_after < now {
        "expired"
    } else {
        "valid"
    }
}

/// What a peer's `certificate` may say so that this certificate is its own.
fn patterns(facts: &CertificateFacts) -> Vec<String> {
    let names = facts.dns.iter().filter(|name| !name.contains('*')).map(ToString::to_string);
    let common = facts.common_name.iter().map(|name| format!("cn:{name}"));
    let key: String = facts.spki.iter().map(|byte| format!("{byte:02x}")).collect();
    names.chain(common).chain([format!("sha256:{key}")]).collect()
}

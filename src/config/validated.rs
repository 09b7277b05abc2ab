//! Both files as text, all faults, and the settings if there are none. Pure: time and texts are arguments.

use super::Settings;
use super::fault::{Fault, Report};
use super::raw::gateway::RawGatewayFile;
use super::raw::parse;
use std::path::{Path, PathBuf};

/// The texts that make a configuration, and where they were read.
pub(super) struct Texts<'t> {
    pub(super) gateway: (&'t Path, &'t str),
    pub(super) policy: Option<(&'t Path, &'t str)>,
    pub(super) peers: Option<(&'t Path, &'t str)>,
    pub(super) root: &'t Path,
}

/// What must be known of `gateway.toml` to find the rest.
pub(super) struct Outline {
    pub(super) policy_file: Option<PathBuf>,
}

/// Finds the policy file's path.
pub(super) fn outline(path: &Path, text: &str) -> Outline {
    let mut report = Report::new(path, text);
    let table = parse(text, &mut report);
    let raw = RawGatewayFile::read_table(table.get_ref(), table.span(), &mut report);
    Outline { policy_file: raw.policy.get().and_then(|policy| policy.file.cloned()) }
}

/// Finds the path of the peers file.
pub(super) fn peers_file(_text: &str) -> Option<PathBuf> {
    None
}

/// Validates everything at once.
pub(super) fn validate(texts: &Texts<'_>, _now: &jiff::Zoned) -> (Option<Settings>, Vec<Fault>) {
    let fault = Fault::of_file(texts.gateway.0, "configurations are not validated yet");
    (None, vec![fault])
}

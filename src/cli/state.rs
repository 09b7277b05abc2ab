//! The state of a gateway, opened by a command beside it.

use crate::config::Settings;
use crate::proxy::state_options;
use crate::state::{BadRow, State, StateFault};
use std::sync::Arc;

/// Opens it. A row that is damaged is left out, and said on standard error.
///
/// # Errors
/// It cannot be opened.
pub(super) async fn open(settings: &Settings) -> Result<State, StateFault> {
    let alert = |row: BadRow| eprintln!("a row of `{}` is not what a gateway wrote and is left out", row.table);
    State::open(state_options(settings, Arc::new(alert))).await
}

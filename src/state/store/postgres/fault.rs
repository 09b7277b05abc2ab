//! What PostgreSQL, TLS or the network said, in words of this house.

use crate::state::StateFault;
use std::error::Error;
use std::io;

/// So many characters of what another program said are shown.
const SHOWN: usize = 200;

/// No connection came about.
pub fn unreachable_because(address: &str, fault: &io::Error) -> StateFault {
    StateFault::Away(format!("`{address}`: {}", shown(&fault.to_string())))
}

/// Something went wrong on a connection, or while one was opened. Detail fields of the server's message, which hold
/// values of rows, are left out.
pub fn explain(fault: &tokio_postgres::Error) -> StateFault {
    let Some(said) = fault.as_db_error() else { return of_the_line(fault) };
    let code = said.code().code();
    let words = format!("the database says {code}, {}", shown(said.message()));
    match code.get(..2) {
        // no permission, no such user or password, no such database
        _ if ["42501", "3D000"].contains(&code) => StateFault::Settings(words),
        Some("28") => StateFault::Settings(words),
        // connection, resources, operator (shutdown, statement_timeout), system, rolled back, read-only standby
        Some("08" | "53" | "55" | "57" | "58" | "40" | "25") => StateFault::Away(words),
        _ => StateFault::Damaged(words),
    }
}

fn of_the_line(fault: &tokio_postgres::Error) -> StateFault {
    let mut words = fault.to_string();
    let mut cause = fault.source();
    let mut refused = false;
    while let Some(inner) = cause {
        refused |= is_certificate(inner);
        let more = inner.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        cause = inner.source();
    }
    let words = shown(&words);
    if refused { StateFault::Settings(words) } else { StateFault::Away(words) }
}

/// Whether the server's certificate is why: an `io::Error` shows what is inside it to whoever asks it, not as a cause.
fn is_certificate(fault: &(dyn Error + 'static)) -> bool {
    let inner = fault.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let tls =
        inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()).or_else(|| fault.downcast_ref::<rustls::Error>());
    matches!(tls, Some(rustls::Error::InvalidCertificate(_)))
}

/// Another program's words: short, on one line.
fn shown(words: &str) -> String {
    words.chars().take(SHOWN).flat_map(|character| character.escape_debug()).collect()
}

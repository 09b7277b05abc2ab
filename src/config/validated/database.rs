//! `database` of `[gateway]`. The URL may hold a password: no message here quotes any of it.

use super::{Ground, Kind};
use crate::config::fault::Report;
use crate::config::raw::gateway::RawGateway;
use crate::config::settings::{Database, DatabaseUrl};
use std::net::IpAddr;
use std::ops::Range;
use toml::Spanned;

const EXAMPLE: &str = "write \"postgres://dicomgate@db.hospital.example/dicomgate\"";

/// What keys of the database stand there without one.
pub(super) fn validate(
    raw: &RawGateway,
    file: Option<&str>,
    ground: &mut Ground<'_>,
    report: &mut Report<'_>,
) -> Option<Database> {
    let ca = ground.path(&raw.database_ca, Kind::File, report);
    let state_key = ground.path(&raw.state_key, Kind::RowKey, report);
    let url = url_of(raw, file, ground, report);
    let Some((url, at)) = url else {
        if raw.database.is_absent() && raw.database_file.is_absent() {
            lonely(raw, report);
        }
        return None;
    };
    if raw.state_key.is_absent() {
        report
            .error(at.clone(), "`state_key` is missing: replicas that share a database share the key of its rows")
            .hint("write state_key = \"certs/state.key\": 64 hexadecimal digits, `openssl rand -hex 32` makes them");
    }
    let place = match place(&url) {
        Ok(place) => place,
        Err((message, hint)) => {
            report.error(at, message).hint(hint);
            return None;
        }
    };
    if place.password && raw.database_file.is_absent() {
        report
            .warning(at.clone(), "a password stands in this file, which is read, copied and printed more often")
            .hint("put the URL into a file of its own, mode 600, and write database_file = \"certs/database.url\"");
    }
    match (place.tls, place.local) {
        (true, _) if raw.database_ca.is_absent() => {
            report
                .error(at, "nothing says who vouches for the certificate of the database")
                .hint("write database_ca = \"certs/database-ca.crt\"");
        }
        (false, false) => {
            report
                .error(
                    at,
                    "this database would be talked to in clear: only one on this machine may have sslmode=disable",
                )
                .hint("take sslmode out of the URL: TLS is spoken, and the certificate verified");
        }
        _ => {}
    }
    Some(Database { url: DatabaseUrl::new(url), tls: place.tls, ca, state_key: state_key? })
}

/// The URL, and where it or the name of its file stands.
fn url_of(
    raw: &RawGateway,
    file: Option<&str>,
    ground: &mut Ground<'_>,
    report: &mut Report<'_>,
) -> Option<(String, Range<usize>)> {
    if let Some(named) = raw.database_file.spanned() {
        if named.get_ref().to_string_lossy().contains("://") {
            report
                .error(named.span(), "`database_file` is the name of a file, not the URL itself")
                .hint("write the URL into a file, mode 600, and its name here");
            return None;
        }
        ground.path(&raw.database_file, Kind::Key, report);
        if let Some(both) = raw.database.spanned() {
            report
                .error(both.span(), "`database` and `database_file` say the same thing")
                .hint("take `database` out: a password belongs into a file of its own");
        }
        return Some((file?.trim().to_owned(), named.span()));
    }
    raw.database.spanned().map(|url| (url.get_ref().expose().to_owned(), url.span()))
}

/// What belongs to a database, and there is none.
fn lonely(raw: &RawGateway, report: &mut Report<'_>) {
    for (key, at) in [
        ("database_ca", raw.database_ca.spanned().map(Spanned::span)),
        ("state_key", raw.state_key.spanned().map(Spanned::span)),
    ] {
        if let Some(at) = at {
            report
                .error(at, format!("`{key}` belongs to a `database`, and there is none"))
                .hint("take it out, or write `database`: one gateway alone keeps what it needs in `state`");
        }
    }
}

/// What a URL says about the way to the database.
struct DatabasePlace {
    /// TLS is spoken.
    tls: bool,
    /// It is on this machine.
    local: bool,
    /// The URL holds a password.
    password: bool,
}

fn place(url: &str) -> Result<DatabasePlace, (&'static str, &'static str)> {
    let rest = ["postgres://", "postgresql://"].iter().find_map(|scheme| url.strip_prefix(scheme));
    let rest = rest.ok_or(("this is not the URL of a PostgreSQL", EXAMPLE))?;
    if url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(("the URL of a database has no spaces", "write odd characters as %20 and the like"));
    }
    // As the driver reads it: what stands before the first `@` is user and password.
    let (user, rest) = rest.split_once('@').unwrap_or(("", rest));
    let (hosts, params) = rest.split_once('?').unwrap_or((rest, ""));
    let (hosts, name) = hosts.split_once('/').unwrap_or((hosts, ""));
    if hosts.is_empty() || name.is_empty() || user.contains('/') || hosts.contains('@') || name.contains('@') {
        let hint = "write \"postgres://USER:PASSWORD@HOST:PORT/NAME\"; in a password, / is %2F, @ is %40 and ? is %3F";
        return Err(("this URL lacks the host or the name of the database", hint));
    }
    if hosts.contains(',') || hosts.contains('%') {
        return Err(("the database is one host that is reached by TCP", EXAMPLE));
    }
    if user.split(':').next().is_none_or(str::is_empty) {
        return Err(("this URL does not say as which user", EXAMPLE));
    }
    let mut tls = true;
    let mut password = user.contains(':');
    for param in params.split('&').filter(|param| !param.is_empty()) {
        match param.split_once('=') {
            Some(("sslmode", "disable")) => tls = false,
            Some(("sslmode", "verify-full")) => tls = true,
            Some(("sslmode", _)) => {
                let message = "`sslmode` of the database is `verify-full` (the default) or, on this machine, `disable`";
                return Err((message, "take sslmode out of the URL: TLS is spoken, and the certificate verified"));
            }
            Some(("sslrootcert", _)) => {
                return Err(("`sslrootcert` has a key of its own", "write database_ca = \"certs/database-ca.crt\""));
            }
            Some(("host" | "hostaddr", _)) => {
                return Err(("the host of the database stands in two places", EXAMPLE));
            }
            Some(("password", _)) => password = true,
            _ => {}
        }
    }
    Ok(DatabasePlace { tls, local: local(hosts), password })
}

/// Whether a host of a URL, perhaps with a port, is this machine.
fn local(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((name, _)) => name,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

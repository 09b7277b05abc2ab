//! The `[[archive]]` that fits what was found, with what could not be found out in comments.

use crate::cli::archive::report::{Found, Moved, Originator, Report};
use crate::config::{Archive, ArchiveTls, Calling};
use crate::dicom::AeTitle;
use std::fmt::Write as _;
use std::net::IpAddr;

/// Column at which comments begin.
const COMMENT: usize = 40;

/// The lines to put into `gateway.toml`.
pub fn block(archive: &Archive, report: &Report) -> String {
    let mut text = format!(
        "# As found by `dicomgate archive probe {}` on {}.\n[[archive]]\n",
        report.archive,
        report.probed.strftime("%Y-%m-%d")
    );
    let mut line = |setting: String, comment: &str| {
        let _ = match comment {
            "" => writeln!(text, "{setting}"),
            comment => writeln!(text, "{setting:COMMENT$} # {comment}"),
        };
    };
    line(format!("ae_title = {}", quoted(archive.ae_title.as_str())), "");
    line(format!("address = {}", quoted(&archive.address.to_string())), "");
    as_it_is(archive, &mut line);
    match &report.moved {
        Found::Known(moved) if moved.came > 0 => deliveries(moved, &mut line),
        Found::Known(moved) => {
            let why = format!(
                "nothing was delivered ({}): correlate, calls_as, deliveries_may_lag are not known",
                moved.status
            );
            line(format!("# correlate = {}", quoted("originator")), &why);
        }
        Found::Unknown(why) => {
            line(format!("# correlate = {}", quoted("originator")), &format!("not known: {why}"));
        }
    }
    match &report.associations {
        Found::Known(capacity) if capacity.refused.is_some() => {
            line(format!("max_associations = {}", capacity.taken), "the next one was not taken");
            let reserved = capacity.taken / 4;
            if reserved > 0 {
                line(
                    format!("reserved_for_store = {reserved}"),
                    "a quarter, so that reading never keeps a device from storing",
                );
            }
        }
        Found::Known(capacity) => {
            line(format!("# max_associations = {}", capacity.taken), "as many were tried, and all were taken");
        }
        Found::Unknown(why) => line("# max_associations = 10".to_owned(), &format!("not known: {why}")),
    }
    text
}

/// What the probe does not ask: as the configuration says it now.
fn as_it_is(archive: &Archive, line: &mut impl FnMut(String, &str)) {
    let own = [archive.ae_title];
    if archive.answers_to != own {
        line(format!("answers_to = {}", titles(&archive.answers_to)), "");
    }
    if let Calling::Title(title) = archive.calling {
        line(format!("calling = {}", quoted(title.as_str())), "");
    }
    if !archive.operations.is_empty() {
        let operations: Vec<String> = archive.operations.iter().map(|operation| quoted(operation.as_str())).collect();
        line(format!("for = [{}]", operations.join(", ")), "");
    }
    if let Some(address) = archive.bind_address {
        line(format!("bind_address = {}", quoted(&address.to_string())), "");
    }
    if archive.tls == ArchiveTls::Mutual {
        line("tls = \"mutual\"".to_owned(), "keep `certificate` and `trust` as they are");
    }
}

fn deliveries(moved: &Moved, line: &mut impl FnMut(String, &str)) {
    let calls_as: Vec<String> = moved.calls_as.iter().map(|title| quoted(title)).collect();
    line(format!("calls_as = [{}]", calls_as.join(", ")), "the titles that its deliveries came under");
    let networks: Vec<String> = moved.from.iter().map(|from| quoted(&network(*from))).collect();
    line(format!("calls_from = [{}]", networks.join(", ")), "where they came from");
    match &moved.originator {
        Found::Known(Originator::Right) => {
            line(format!("correlate = {}", quoted("originator")), "deliveries name who asked, and in which message");
        }
        Found::Known(found) => {
            let said = match found {
                Originator::Wrong(said) => format!("deliveries do not name who asked, but {said}"),
                Originator::Missing | Originator::Right => "deliveries do not name who asked".to_owned(),
            };
            line(
                "# For this, every requester's title has to be entered there as a destination at this gateway;"
                    .to_owned(),
                "",
            );
            line("# where that cannot be, write \"serial\": one move at a time.".to_owned(), "");
            line(format!("correlate = {}", quoted("destination")), &said);
        }
        Found::Unknown(why) => line(format!("# correlate = {}", quoted("originator")), &format!("not known: {why}")),
    }
    if moved.came < moved.expected {
        line(
            format!("# deliveries_may_lag = {}", quoted("1h")),
            "not all came within ten seconds of the final response",
        );
    } else if moved.late > 0 {
        let lag = format!("{} of {} came up to {} ms after the final response", moved.late, moved.came, moved.lag);
        line(format!("deliveries_may_lag = {}", quoted(&lag_of(moved.lag))), &lag);
    } else {
        line(format!("# deliveries_may_lag = {}", quoted("1h")), "not needed: all came before the final response");
    }
}

/// A generous span: a probe of four images sees little of what a busy night does.
fn lag_of(milliseconds: u64) -> String {
    match milliseconds / 1000 {
        0..=60 => "10m".to_owned(),
        seconds => format!("{}m", seconds / 6),
    }
}

fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("{address}/32"),
        IpAddr::V6(address) => format!("{address}/128"),
    }
}

fn titles(titles: &[AeTitle]) -> String {
    let titles: Vec<String> = titles.iter().map(|title| quoted(title.as_str())).collect();
    format!("[{}]", titles.join(", "))
}

/// A TOML string. Titles and addresses are printable ASCII; what else a string must escape is escaped.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

//! The answers as a table, for people.

use crate::cli::archive::report::{Found, Keeps, Moved, Originator, Report, Reported};
use std::fmt::Write as _;

/// What is only asked back.
pub const NOT_ASKED: &str = "not asked";
/// Width of the left column.
const LEFT: usize = 26;

struct Table(String);

impl Table {
    fn row(&mut self, what: &str, answer: impl std::fmt::Display) {
        let _ = writeln!(self.0, "  {what:LEFT$}{answer}");
    }

    fn found<T>(&mut self, what: &str, found: &Found<T>, words: impl FnOnce(&T) -> String) {
        match found {
            Found::Known(known) => self.row(what, words(known)),
            Found::Unknown(why) => self.row(what, format!("unknown: {why}")),
        }
    }
}

/// The whole table.
pub fn table(report: &Report) -> String {
    let mut table = Table(String::new());
    let _ = writeln!(
        table.0,
        "archive {} at {}, called by {}, {}\n",
        report.archive,
        report.address,
        report.calling,
        report.probed.strftime("%Y-%m-%d %H:%M UTC")
    );
    table.found("program", &report.hello, |hello| {
        let name = hello.version.as_deref().unwrap_or("no name");
        format!("{name} ({})", hello.implementation.as_deref().unwrap_or("no implementation class"))
    });
    table.found("C-ECHO", &report.echo, |status| format!("answered with {status}"));
    table.found("takes at a time", &report.hello, |hello| match hello.max_pdu {
        0 => "any length (max PDU 0)".to_owned(),
        length => format!("{length} bytes (max PDU)"),
    });
    table.found("operations at once", &report.window, |window| match window {
        (1, 1) => "one".to_owned(),
        (invoked, performed) => format!("{invoked} invoked, {performed} performed (0: any number)"),
    });
    table.found("titles it cannot know", &report.takes_strangers, |takes| {
        if *takes { "may call" } else { "are rejected: every calling title has to be entered there" }.to_owned()
    });
    table.found("associations at once", &report.associations, |capacity| match &capacity.refused {
        Some(why) => format!("{}, then: {why}", capacity.taken),
        None => format!("{} and more", capacity.taken),
    });
    offers(&mut table, report);
    stores(&mut table, report);
    table.found("C-GET", &report.get, |get| format!("{}, {} came", get.status, objects(get.came)));
    moved(&mut table, "C-MOVE", &report.moved);
    moved(&mut table, "for a strange title", &report.moved_for_stranger);
    for further in &report.destinations {
        table.found(&format!("  to {}", further.title), &further.moved, |(status, came)| {
            format!("{status}, {}", if *came { "one image came here" } else { "nothing came here" })
        });
    }
    table.found("storage commitment", &report.commitment, |commitment| {
        let report = match commitment.report {
            Reported::Same => "report on the association that asked",
            Reported::New => "report on an association of its own",
            Reported::Nowhere if commitment.status == "0000H" => "no report within ten seconds",
            Reported::Nowhere => "no report",
        };
        format!("{}, {report}", commitment.status)
    });
    keys(&mut table, report);
    if let Some(left) = &report.left_behind {
        let _ = writeln!(
            table.0,
            "\nIt now holds the {left}. DICOM cannot delete it: do it there, or keep it for the next probe."
        );
    }
    table.0
}

fn objects(count: u32) -> String {
    if count == 1 { "1 object".to_owned() } else { format!("{count} objects") }
}

fn offers(table: &mut Table, report: &Report) {
    for (what, taken) in [("takes", true), ("does not take", false)] {
        let names = report.offers.iter().filter(|offer| offer.syntax.is_some() == taken);
        for (index, offer) in names.enumerate() {
            // The processes of JPEG are of interest to few.
            let name = offer.name.split(" (Process").next().unwrap_or_default();
            table.row(if index == 0 { what } else { "" }, name);
        }
    }
}

fn stores(table: &mut Table, report: &Report) {
    let stores = match &report.stores {
        Found::Known(stores) => stores,
        Found::Unknown(why) => return table.row("C-STORE", format!("unknown: {why}")),
    };
    table.row("C-STORE", format!("{}, {} taken", stores.first, objects(stores.taken)));
    table.row("  the same again", &stores.equal);
    table.row("  changed", &stores.changed);
    table.found("  gives out", &stores.keeps, |keeps| match keeps {
        Keeps::First => "what came first".to_owned(),
        Keeps::Last => "what came last".to_owned(),
    });
}

fn moved(table: &mut Table, what: &str, found: &Found<Moved>) {
    let moved = match found {
        Found::Known(moved) => moved,
        Found::Unknown(why) => return table.row(what, format!("unknown: {why}")),
    };
    table.row(
        what,
        format!("to {}: {}, {} of {} came here", moved.destination, moved.status, moved.came, moved.expected),
    );
    if moved.came == 0 {
        let words = match moved.status.as_str() {
            "A801H" => "it does not know the destination: enter it there",
            "0000H" => "it says it is done, and nothing came: does it send that title elsewhere?",
            _ => "nothing came: does it know that title, and does it send it here?",
        };
        return table.row("", words);
    }
    let from: Vec<String> = moved.from.iter().map(ToString::to_string).collect();
    table.row("  comes", format!("as {} from {}", moved.calls_as.join(", "), from.join(", ")));
    table.found("  names who asked", &moved.originator, |originator| match originator {
        Originator::Right => "yes: (0000,1030) and (0000,1031) are right".to_owned(),
        Originator::Missing => "no".to_owned(),
        Originator::Wrong(said) => format!("no, but {said}"),
    });
    match moved.associations {
        1 => table.row("  on", "one association"),
        many => table.row("  on", format!("{many} associations, at most {} at once", moved.parallel)),
    }
    match moved.late {
        0 => table.row("  all came", "before the final response"),
        late => table.row("  came late", format!("{late}, up to {} ms after the final response", moved.lag)),
    }
    table.found("  as it was stored", &moved.unchanged, |unchanged| {
        if *unchanged { "byte for byte" } else { "no: it writes objects anew" }.to_owned()
    });
}

fn keys(table: &mut Table, report: &Report) {
    let keys = match &report.keys {
        Found::Known(keys) => keys,
        Found::Unknown(why) => return table.row("C-FIND", format!("unknown: {why}")),
    };
    let _ = writeln!(table.0, "\n  {:10}{:32}{:12}matched", "C-FIND", "key", "returned");
    let mut level = "";
    for key in keys {
        let shown = if level == key.level { "" } else { &key.level };
        level = &key.level;
        let word = |found: &Found<bool>| match found {
            Found::Unknown(why) if why == NOT_ASKED => "-".to_owned(),
            Found::Known(true) => "yes".to_owned(),
            Found::Known(false) => "no".to_owned(),
            Found::Unknown(why) => format!("unknown: {why}"),
        };
        let _ = writeln!(table.0, "  {shown:10}{:32}{:12}{}", key.name, word(&key.returned), word(&key.matched));
    }
}

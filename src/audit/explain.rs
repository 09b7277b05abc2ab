//! A record in words: what was asked, by whom, which rule decided or what was lacking, and what would permit it.

mod advice;

use crate::audit::read::Record;
use crate::audit::round;
use crate::audit::tripwire;
use crate::audit::vault;
use crate::dicom::{sop_class, transfer_syntax};
use advice::{advice, remedy};

/// Kinds of refusals that one explanation shows.
const SUMS: usize = 20;

/// Explains a record in a few lines, without patient data.
pub fn explain(record: &Record) -> Vec<String> {
    // What a peer sent must not move the cursor of whoever reads this; line breaks below are our own.
    let record = &record.printable();
    let mut lines = vec![headline(record)];
    lines.extend(who(record));
    match record.event() {
        "denied" | "operation" | "mismatch" | "not-opened" | "not-sealed" => lines.extend(operation(record)),
        "association-refused" | "association-opened" => lines.extend(association(record)),
        "association-closed" => lines.extend(closing(record)),
        "refusals-summed" => lines.extend(sums(record)),
        "commitment" => lines.extend(commitment(record)),
        "vault-alert" => lines.extend(vault::about(record)),
        event if round::is_round(event) => lines.extend(round::about(record)),
        _ => {}
    }
    if let Some(words) = record.text("words") {
        lines.push(format!("because   {words}"));
    }
    if let Some(place) = record.text("place") {
        lines.push(format!("where     {place}"));
    }
    lines.extend(reason(record));
    if let Some(advice) = advice(record) {
        lines.push(format!("to permit {advice}"));
    }
    if let Some(remedy) = tripwire::remedy(record) {
        lines.push(format!("to mend   {remedy}"));
    }
    if let Some(remedy) = vault::remedy(record).or_else(|| round::remedy(record)).or_else(|| remedy(record)) {
        lines.push(format!("to mend   {remedy}"));
    }
    lines.iter().flat_map(|line| line.split('\n')).map(str::to_owned).collect()
}

/// A record in one line, without patient data.
pub fn line(record: &Record) -> String {
    let record = &record.printable();
    let mut line = headline(record);
    for name in [
        "association",
        "peer",
        "calling",
        "user",
        "tried",
        "from",
        "subject",
        "operation",
        "to",
        "archive",
        "transaction",
        "status",
        "rule",
        "cause",
        "words",
    ] {
        if let Some(value) = record.text(name) {
            line.push_str(&format!("  {name}={value}"));
        }
    }
    line
}

fn headline(record: &Record) -> String {
    let what = match record.event() {
        "connection-refused" => format!("connection refused ({})", record.text("cause").unwrap_or("?")),
        "association-refused" => format!("association rejected ({})", record.text("cause").unwrap_or("?")),
        "association-opened" => "association admitted".to_owned(),
        "association-closed" => format!("association ended: {}", record.text("ended").unwrap_or("?")),
        "denied" => format!("{} denied", record.text("operation").unwrap_or("?")),
        "operation" => format!("{} permitted", record.text("operation").unwrap_or("?")),
        "system-missed" => {
            let (to, cause) = (record.text("to").unwrap_or("?"), record.text("cause").unwrap_or("?"));
            format!("association goes on without {to} ({cause})")
        }
        "malformed" => "association ended: malformed bytes".to_owned(),
        "mismatch" => "association ended: command and data set differ".to_owned(),
        "policy-ended" => "association ended: it is no longer permitted".to_owned(),
        "session-over" => "association ended: access of the person is over".to_owned(),
        "quarantined" | "quarantine-released" | "emergency" => tripwire::headline(record),
        "vault-alert" | "not-opened" | "not-sealed" => vault::headline(record),
        "commitment" => format!("storage commitment report {}", record.text("outcome").unwrap_or("?")),
        "refusals-summed" => format!(
            "{} refusals in {} ms, more than are recorded one by one",
            record.number("refused").unwrap_or(0),
            record.number("milliseconds").unwrap_or(0)
        ),
        event if round::is_round(event) => round::headline(record),
        other => other.to_owned(),
    };
    let incident = record.text("incident").map(|incident| format!("  incident {incident}")).unwrap_or_default();
    format!("{}  {what}{incident}  (record {})", record.text("at").unwrap_or("?"), record.number("seq").unwrap_or(0))
}

fn who(record: &Record) -> Vec<String> {
    let Some(from) = record.text("from") else { return Vec::new() };
    let name = match (record.text("peer"), record.text("calling")) {
        (Some(peer), Some(calling)) if peer != calling => format!("{peer}, calling as {calling},"),
        (Some(peer), _) => peer.to_owned(),
        (None, Some(calling)) => format!("somebody calling as {calling}"),
        (None, None) => "somebody".to_owned(),
    };
    let mut lines =
        vec![format!("who       {name} from {from}, association {}", record.text("association").unwrap_or("?"))];
    lines.extend(person(record));
    if let Some(gateway) = record.text("edge") {
        let incident = part(record, "edge_incident");
        lines.push(format!("for       {gateway}, a gateway before this one; there: `dicomgate why {incident}`"));
    }
    if let Some(subject) = record.text("certificate") {
        lines.push(format!("showed    {subject}, serial {}", record.text("serial").unwrap_or("?")));
    }
    if let Some(version) = record.text("tls") {
        let part = |name| record.text(name).unwrap_or("?");
        lines.push(format!("over      TLS {version}, {}, {}", part("suite"), part("group")));
    }
    lines
}

/// Who sat there, as far as somebody vouched for it.
fn person(record: &Record) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(user) = record.text("user") {
        let roles = record.list("roles");
        let roles = if roles.is_empty() { String::new() } else { format!(", roles {}", roles.join(", ")) };
        let emergency = if record.0.get("emergency").is_some() { ", in an emergency" } else { "" };
        lines.push(format!("person    {user}, vouched for by {}{roles}{emergency}", part(record, "user_source")));
    }
    if let Some(tried) = record.text("tried") {
        lines.push(match tried.strip_prefix('#') {
            Some(_) => {
                format!("tried     a name that is not shown; the same one is always {tried} while a gateway runs")
            }
            None => format!("tried     {tried}"),
        });
    }
    lines
}

fn operation(record: &Record) -> Vec<String> {
    let mut asked = format!("asked     {} on {}", part(record, "operation"), part(record, "to"));
    for (name, word) in [
        ("sop_class", "SOP class"),
        ("instance", "instance"),
        ("transfer_syntax", "transfer syntax"),
        ("modality", "modality"),
        ("destination", "to"),
    ] {
        if let Some(value) = record.text(name) {
            match known_as(name, value) {
                Some(known) => asked.push_str(&format!(", {word} {known} ({value})")),
                None => asked.push_str(&format!(", {word} {value}")),
            }
        }
    }
    let mut lines = vec![asked];
    if let Some(status) = record.text("status") {
        lines.push(format!(
            "ended     {status}, {} bytes, {} us",
            record.number("bytes").unwrap_or(0),
            record.number("microseconds").unwrap_or(0)
        ));
    }
    match record.0.get("opened").and_then(serde_json::Value::as_bool) {
        Some(true) => lines.push("seal      opened for whoever receives it".to_owned()),
        Some(false) => lines.push("seal      not opened".to_owned()),
        None => {}
    }
    match record.0.get("sealed").and_then(serde_json::Value::as_bool) {
        Some(true) if record.0.get("same").is_some() => lines.push(format!(
            "sealed    as {} with key {} in the archive already, and the same: not stored again",
            part(record, "seal"),
            record.number("key").unwrap_or(0)
        )),
        Some(true) => lines.push(format!(
            "sealed    as {} with key {}, {} segments, {} bytes",
            part(record, "seal"),
            record.number("key").unwrap_or(0),
            record.number("segments").unwrap_or(0),
            record.number("sealed_bytes").unwrap_or(0)
        )),
        Some(false) => lines.push(format!("sealed    no, {}", in_clear(record.text("in_clear")))),
        None => {}
    }
    let drift = record.list("drift");
    if !drift.is_empty() {
        lines.push(format!("differs   from what was sealed in {}", drift.join(", ")));
    }
    if let Some(incident) = record.text("archive_incident") {
        lines.push(format!("refused   by {}, a gateway itself; there: `dicomgate why {incident}`", part(record, "to")));
    }
    if record.0.get("aborted").is_some() {
        lines.push("ended     aborted".to_owned());
    }
    if record.0.get("late").is_some() {
        lines.push("recorded  late: the log could not be written, and no success was answered".to_owned());
    }
    lines
}

/// What people call a UID.
fn known_as(field: &str, value: &str) -> Option<&'static str> {
    match field {
        "sop_class" => sop_class::find_text(value).map(|class| class.name),
        "transfer_syntax" => transfer_syntax::name(&value.parse().ok()?),
        _ => None,
    }
}

fn association(record: &Record) -> Vec<String> {
    let mut lines = vec![format!("called    {}", record.text("called").or(record.text("to")).unwrap_or("?"))];
    let removed = record.list("removed");
    if !removed.is_empty() {
        lines.push(format!("removed   {}", removed.join("; ")));
    }
    let kept = record.list("contexts");
    if !kept.is_empty() {
        lines.push(format!("kept      {}", kept.join("; ")));
    }
    lines
}

/// Whose report it is, what it says, and how far it came.
fn commitment(record: &Record) -> Vec<String> {
    let whom = match (record.text("peer"), record.text("calling")) {
        (Some(peer), Some(title)) if peer != title => format!("{peer}, called {title}"),
        (Some(peer), _) => peer.to_owned(),
        (None, Some(title)) => format!("whoever is called {title}: nobody who asked for it"),
        (None, None) => "nobody".to_owned(),
    };
    let mut lines = vec![format!("report    of {} for {whom}", part(record, "archive"))];
    if let Some(transaction) = record.text("transaction") {
        lines.push(format!("about     transaction {transaction}"));
    }
    if let (Some(committed), Some(failed)) = (record.number("committed"), record.number("failed")) {
        let withheld = match record.number("withheld") {
            None | Some(0) => String::new(),
            Some(withheld) => format!(", of these {withheld} only because the requester may not see them"),
        };
        lines.push(format!("says      {committed} kept, {failed} failed{withheld}"));
    }
    let attempts = record.number("attempts").map(|attempts| format!(" at attempt {attempts}")).unwrap_or_default();
    let over = record.text("over").map(|over| format!(" on the {over} association")).unwrap_or_default();
    if let Some(status) = record.text("status") {
        lines.push(format!("answered  {status}{over}{attempts}"));
    } else if !attempts.is_empty() {
        lines.push(format!("ended    {attempts}"));
    }
    lines
}

/// The most are told first, and they stand first.
fn sums(record: &Record) -> Vec<String> {
    let counted = record.counted();
    let mut lines: Vec<String> = counted
        .iter()
        .take(SUMS)
        .map(|one| {
            let part = |name| one.get(name).and_then(serde_json::Value::as_str);
            format!(
                "counted   {} from {} at {} ({})",
                one.get("count").and_then(serde_json::Value::as_u64).unwrap_or(0),
                part("from").unwrap_or("further addresses, which were too many to tell apart,"),
                part("listener").unwrap_or("?"),
                part("cause").unwrap_or("?")
            )
        })
        .collect();
    if let Some(more) = counted.len().checked_sub(SUMS).filter(|more| *more > 0) {
        lines.push(format!("counted   and {more} more kinds: `--format json` has them all"));
    }
    lines
}

fn closing(record: &Record) -> Vec<String> {
    let counted: Vec<String> = ["echoes", "stores", "others", "denied", "aborted_operations", "bytes"]
        .into_iter()
        .filter_map(|name| record.number(name).map(|count| format!("{count} {}", name.replace('_', " "))))
        .collect();
    if counted.is_empty() { Vec::new() } else { vec![format!("counted   {}", counted.join(", "))] }
}

fn reason(record: &Record) -> Vec<String> {
    match (record.text("reason"), record.event()) {
        (Some("rule"), _) => vec![format!("decided   rule `{}` denies it", part(record, "rule"))],
        (Some("no-rule"), _) => match (record.text("nearest"), record.text("lacked")) {
            (Some(nearest), Some(lacked)) => {
                vec![format!("decided   no rule permits it; `{nearest}` came nearest: {lacked}")]
            }
            (Some(nearest), None) => vec![format!("decided   no rule permits it; `{nearest}` came nearest")],
            _ => vec!["decided   no rule permits it, and none comes near".to_owned()],
        },
        (Some("unknown-destination"), _) => {
            vec![format!("decided   `{}` is neither a peer's nor an archive's title", part(record, "unknown"))]
        }
        (Some("not-asked"), _) => {
            vec![format!("decided   nobody asked the archive to send this: {}", part(record, "words"))]
        }
        (Some("quarantine" | "emergency-over"), _) => tripwire::reason(record),
        (Some("fault"), _) => vec!["decided   the policy could not decide, so it is denied".to_owned()],
        (_, "operation") => match record.text("rule") {
            Some(rule) => vec![format!("decided   rule `{rule}` permits it")],
            None => vec!["decided   no rule permits it; it passed because the policy only observes".to_owned()],
        },
        _ => Vec::new(),
    }
}

fn part<'a>(record: &'a Record, name: &str) -> &'a str {
    record.text(name).unwrap_or("?")
}
/// Why an object that was to be sealed went in clear.
fn in_clear(why: Option<&str>) -> &'static str {
    match why {
        Some("unproven") => "although it was to be: nothing is proven of the archive, and `unproven = \"pass\"`",
        Some("never") => "objects of its class never are",
        Some("unsealable") => "although it was to be: objects of its class cannot be, and `unsealable = \"pass\"`",
        _ => "although it was to be",
    }
}

//! `dicomgate policy operations`: the words that rules use, and the SOP classes of each.

use super::{Answer, Format, json};
use crate::dicom::dimse::Operation;
use crate::dicom::dimse::operation::operations_table;
use clap::Args;
use std::fmt::Write as _;

/// Arguments of `dicomgate policy operations`.
#[derive(Debug, Clone, Args)]
pub(super) struct Operations {
    /// Only this operation
    #[arg(value_name = "OPERATION", value_parser = super::explain::operation)]
    only: Option<Operation>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Exit code 0.
pub(super) fn answer(operations: &Operations) -> Answer {
    let listed = Operation::ALL.into_iter().filter(|operation| operations.only.is_none_or(|only| only == *operation));
    let text = match operations.format {
        Format::Json => json(&listed.map(as_json).collect::<Vec<_>>()),
        Format::Text => listed.map(as_text).collect::<Vec<_>>().join("\n"),
    };
    Answer::new(text, 0)
}

/// What an operation is beyond the classes listed with it.
const fn meaning(operation: Operation) -> &'static str {
    match operation {
        Operation::Echo => "C-ECHO: is somebody there",
        Operation::Store => "C-STORE of any object but a rejection note; also of private classes",
        Operation::Reject => "C-STORE of a Key Object that rejects others (113001, 113037, 113038, 113039)",
        Operation::Find => "C-FIND of patients, studies, series, instances",
        Operation::Move => "C-MOVE: the archive sends to a destination",
        Operation::Get => "C-GET: the archive sends back on the same association, in the storage classes of `store`",
        Operation::Worklist => "C-FIND of the modality worklist",
        Operation::Mpps => "modality performed procedure steps",
        Operation::Commit => "storage commitment",
        Operation::Print => "basic print management",
        Operation::Notify => "instance availability and other notifications",
        Operation::Ups => "unified procedure steps",
        Operation::Other => "everything that no other word covers, private classes included",
    }
}

fn as_text(operation: Operation) -> String {
    let mut text = format!("{operation}\n  {}\n", meaning(operation));
    for (_, class) in operations_table().filter(|(of, _)| *of == operation) {
        let retired = if class.retired { " (retired)" } else { "" };
        let _ = writeln!(text, "    {:<34} {}{retired}", class.uid, class.name);
    }
    text
}

fn as_json(operation: Operation) -> serde_json::Value {
    let class = |class: &crate::dicom::sop_class::SopClass| serde_json::json!({ "uid": class.uid, "name": class.name, "retired": class.retired });
    let classes = operations_table().filter(|(of, _)| *of == operation).map(|(_, found)| class(found));
    serde_json::json!({
        "operation": operation,
        "meaning": meaning(operation),
        "sop_classes": classes.collect::<Vec<_>>(),
    })
}

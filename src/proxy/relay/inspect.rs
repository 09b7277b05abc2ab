//! What is read of a data set before a decision, and how it must agree with its command.

use super::stage::Walk;
use crate::config::Limits;
use crate::dicom::dataset::WalkLimits;
use crate::dicom::dataset::leading::SERIES;
use crate::dicom::dimse::{Command, Field, Operation};
use crate::dicom::{Tag, Uid, sop_class};

/// Behind this tag everything that identifies an object or query has come.
const IDENTIFIED: Tag = SERIES;
/// Behind this one the transaction of a storage commitment has come.
const TRANSACTION: Tag = Tag(0x0008, 0x1195);
/// Behind this one the title of a Key Object has come too.
const TITLED: Tag = Tag(0x0040, 0xa043);

/// The walker's limits, from `[limits]`.
pub fn walk_limits(limits: &Limits) -> WalkLimits {
    WalkLimits {
        depth: u16::try_from(limits.data_set_depth).unwrap_or(u16::MAX),
        elements: limits.data_set_elements,
        inflate_ratio: limits.deflate_ratio,
        ..WalkLimits::default()
    }
}

/// Whether the decision can be made on what has come of the data set.
pub fn enough(command: &Command, walk: &Walk) -> bool {
    let last = match command.sop_class() {
        // All that a move asks for must be known, so that its deliveries can be recognised.
        _ if command.field == Field::MoveRq => return false,
        _ if command.field == Field::ActionRq => TRANSACTION,
        Some(class) if command.field == Field::StoreRq && class.as_str() == sop_class::KEY_OBJECT_SELECTION => TITLED,
        _ => IDENTIFIED,
    };
    walk.leading.passed(last)
}

/// Whether what identifies an object has come of it.
pub fn identified(walk: &Walk) -> bool {
    walk.leading.passed(IDENTIFIED)
}

/// Whether a request's command speaks of the class that its presentation context was negotiated and is decided for: an
/// archive that goes by the command alone would otherwise do what no rule permits. For C-services they are the same
/// (PS3.7 9.3); N-services and the worklist of UPS name members of what was negotiated (PS3.4 H.3, CC.2), whose
/// operation must be the same.
pub fn class_fits(command: &Command, negotiated: &Uid, operation: Operation) -> bool {
    let Some(named) = command.sop_class() else { return false };
    let composite =
        matches!(command.field, Field::StoreRq | Field::FindRq | Field::GetRq | Field::MoveRq | Field::EchoRq);
    if named == negotiated || composite && operation != Operation::Ups {
        return named == negotiated;
    }
    // Elsewhere nothing shares contexts: of two private classes a rule may permit one.
    let shares = matches!(operation, Operation::Print | Operation::Ups | Operation::Mpps);
    shares && Operation::of_command(named, command.field, true) == Some(operation)
}

/// Whether rules speak of what this request's data set asks: queries and retrieves.
pub const fn is_retrieval(field: Field) -> bool {
    matches!(field, Field::FindRq | Field::GetRq | Field::MoveRq)
}

/// What differs between a C-STORE's command and its data set, in words without the values.
pub fn mismatch(command: &Command, walk: &Walk) -> Option<&'static str> {
    if command.field != Field::StoreRq {
        return None;
    }
    if walk.leading.sop_class() != command.affected_sop_class.as_ref() {
        return Some("the SOP Class UID of the data set is not the command's");
    }
    if walk.leading.sop_instance() != command.affected_sop_instance.as_ref() {
        return Some("the SOP Instance UID of the data set is not the command's");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::sop_class::{MODALITY_WORKLIST, STUDY_ROOT_FIND};

    fn fits(command: &Command, negotiated: &str) -> bool {
        let negotiated = negotiated.parse().unwrap();
        let operation = Operation::of_command(&negotiated, command.field, true).unwrap();
        class_fits(command, &negotiated, operation)
    }

    #[test]
    fn a_query_is_of_the_class_that_was_negotiated() {
        let query = Command::find_rq(1, &STUDY_ROOT_FIND.parse().unwrap());
        assert!(fits(&query, STUDY_ROOT_FIND));
        assert!(!fits(&query, MODALITY_WORKLIST));
        assert!(!fits(&query, "1.2.840.10008.5.1.4.1.2.1.1"), "another root is another class");
    }

    #[test]
    fn services_that_are_negotiated_by_a_meta_class_name_its_members() {
        let (grayscale, session) = ("1.2.840.10008.5.1.1.9", "1.2.840.10008.5.1.1.1");
        let (watch, push) = ("1.2.840.10008.5.1.4.34.6.2", "1.2.840.10008.5.1.4.34.6.1");
        let instance = "1.2.3".parse().unwrap();
        let create = |class: &str| Command::n_request(Field::CreateRq, 1, &class.parse().unwrap(), &instance, true);
        assert!(fits(&create(session), grayscale));
        assert!(fits(&create(push), watch));
        assert!(fits(&Command::find_rq(1, &push.parse().unwrap()), watch));
        assert!(!fits(&create("1.2.840.10008.3.1.2.3.3"), grayscale), "a performed procedure step is no print");
        assert!(!fits(&create("1.2.826.0.1.1"), grayscale), "nothing is known of that class");
        assert!(
            !fits(&create("1.2.826.0.1.1"), "1.2.826.0.1.2"),
            "a rule may permit one private class and not another"
        );
    }
}

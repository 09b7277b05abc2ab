//! Which of several systems each proposed presentation context goes to.

use crate::dicom::dimse::{Operation, OperationSet};
use crate::dicom::negotiation::candidates;
use crate::dicom::pdu::AssociateRq;

/// Where a context goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goes {
    /// To this system, by its place in the list.
    To(usize),
    /// Verification: to one that is dialled anyway.
    Anywhere,
}

/// Where each proposed context goes, in the caller's order. `systems`: the `for` of every system that answers to the
/// called title, in the order of the file; an empty one is there for everything that no other names.
///
/// A context goes to a system that names every operation that its SOP class and roles allow, before one that names some of
/// them, before one without `for`; among equals the first in the file. What nobody is there for goes to the first, which
/// does not get it: it is said there. All contexts of a SOP class go to the same system, since roles are negotiated by
/// class.
pub(super) fn spread(rq: &AssociateRq, systems: &[&[Operation]]) -> Vec<Goes> {
    candidates(rq)
        .map(|candidate| {
            let operations = Operation::of_context(candidate.abstract_syntax, candidate.roles.scu, candidate.roles.scp);
            if is_echo(operations) {
                return Goes::Anywhere;
            }
            let rank = |system: &&[Operation]| match system {
                [] => 2,
                named if operations.iter().all(|operation| named.contains(&operation)) => 0,
                named if operations.iter().any(|operation| named.contains(&operation)) => 1,
                _ => 3,
            };
            let best = systems.iter().enumerate().min_by_key(|(_, system)| rank(system));
            Goes::To(best.map_or(0, |(place, _)| place))
        })
        .collect()
}

/// C-ECHO and nothing else.
fn is_echo(operations: OperationSet) -> bool {
    let mut all = operations.iter();
    all.next() == Some(Operation::Echo) && all.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::negotiation::testing::request;
    use crate::dicom::sop_class::{
        KEY_OBJECT_SELECTION, MODALITY_WORKLIST, STUDY_ROOT_FIND, STUDY_ROOT_GET, VERIFICATION,
    };
    use Operation::{Find, Get, Store, Worklist};

    const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
    const PRIVATE: &str = "1.2.3.4";

    fn rq(classes: &[&str], roles: &[(&str, bool, bool)]) -> AssociateRq {
        let contexts: Vec<(&str, &[&str])> = classes.iter().map(|class| (*class, &["1.2.840.10008.1.2"][..])).collect();
        request(&contexts, roles)
    }

    #[test]
    fn a_context_goes_where_its_operation_is_named_and_else_where_nothing_is() {
        let asked = rq(&[VERIFICATION, CT, MODALITY_WORKLIST, PRIVATE], &[]);
        let everything: &[Operation] = &[];
        assert_eq!(spread(&asked, &[everything, &[Worklist]]), [Goes::Anywhere, Goes::To(0), Goes::To(1), Goes::To(0)]);
        assert_eq!(spread(&asked, &[&[Worklist], everything]), [Goes::Anywhere, Goes::To(1), Goes::To(0), Goes::To(1)]);
    }

    #[test]
    fn roles_say_what_a_storage_class_is_for() {
        let asked = rq(&[STUDY_ROOT_GET, CT, STUDY_ROOT_FIND], &[(CT, false, true)]);
        assert_eq!(spread(&asked, &[&[Store], &[Find, Get]]), [Goes::To(1); 3]);
        let both = rq(&[CT], &[(CT, true, true)]);
        // One that is there for both roles serves better than one that is there for one.
        assert_eq!(spread(&both, &[&[Store], &[Find], &[Store, Get]]), [Goes::To(2)]);
        assert_eq!(spread(&both, &[&[Find], &[], &[Store]]), [Goes::To(2)]);
        assert_eq!(spread(&rq(&[KEY_OBJECT_SELECTION], &[]), &[&[], &[Store]]), [Goes::To(1)]);
    }

    #[test]
    fn what_nobody_is_there_for_stays_with_the_first() {
        assert_eq!(spread(&rq(&[CT], &[]), &[&[Find], &[Worklist]]), [Goes::To(0)]);
    }
}

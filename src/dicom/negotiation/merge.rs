//! Several systems behind one association: their answers as if one had given them.

use super::answer::narrower;
use crate::dicom::pdu::{AssociateAc, AssociateRq, UserItems};
use crate::dicom::uid::Uid;

/// One system's part of an association.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// What it was asked: contexts that no other system was asked.
    pub asked: &'a AssociateRq,
    /// What it answered, [verified](super::verify); `None`: it has none to give, and its contexts no reason (2).
    pub answer: Option<&'a AssociateAc>,
}

/// The proposal and the answer that all systems together make, for [`answer`](super::answer()). `None`: nobody
/// answered. One system alone comes out as it went in.
///
/// Contexts and, by SOP class, 54H and 56H are united: what a system says of a class that it was not asked for is
/// dropped, and so is what is said of contexts that are not the caller's. 51H is the least, 53H the least (none where one of them has none); 52H, 55H, 57H and unknown items are
/// those of the first that answered.
pub fn merge(rq: &AssociateRq, parts: &[Part<'_>]) -> Option<(AssociateRq, AssociateAc)> {
    let mut answered = parts.iter().filter_map(|part| part.answer.map(|answer| (part.asked, answer)));
    let (first_asked, first) = answered.next()?;
    if parts.len() == 1 {
        return Some((first_asked.clone(), first.clone()));
    }
    let mut asked = first_asked.clone();
    let mut answer = first.clone();
    answer.user.roles.retain(|role| names(first_asked, &role.sop_class));
    answer.user.extended.retain(|(class, _)| names(first_asked, class));
    for (other_asked, other) in answered {
        unite(&mut asked.user, &other_asked.user, other_asked);
        unite(&mut answer.user, &other.user, other_asked);
        answer.user.max_length = least(answer.user.max_length, other.user.max_length);
        let windows = answer.user.async_window.zip(other.user.async_window);
        answer.user.async_window = windows.map(|(a, b)| narrower(a, b));
        answer.contexts.extend(other.contexts.iter().cloned());
    }
    // What a system was asked beside the caller's contexts is between it and the gateway: two may use the same ids for it.
    answer.contexts.retain(|answered| rq.contexts.iter().any(|context| context.id == answered.id));
    // Those of systems that did not answer stay in: they were asked.
    let is_asked = |id: u8| parts.iter().any(|part| part.asked.contexts.iter().any(|context| context.id == id));
    asked.contexts = rq.contexts.iter().filter(|context| is_asked(context.id)).cloned().collect();
    Some((asked, answer))
}

/// Whether a system was asked for a SOP class.
fn names(asked: &AssociateRq, class: &Uid) -> bool {
    asked.contexts.iter().any(|context| context.abstract_syntax == *class)
}

/// Adds what a system says of its own SOP classes.
fn unite(all: &mut UserItems, of_one: &UserItems, asked: &AssociateRq) {
    all.roles.extend(of_one.roles.iter().filter(|role| names(asked, &role.sop_class)).copied());
    all.extended.extend(of_one.extended.iter().filter(|(class, _)| names(asked, class)).cloned());
}

/// The least of two 51H, where 0 is no limit (PS3.8 D.1).
const fn least(a: u32, b: u32) -> u32 {
    match (a, b) {
        (0, other) | (other, 0) => other,
        _ if a < b => a,
        _ => b,
    }
}

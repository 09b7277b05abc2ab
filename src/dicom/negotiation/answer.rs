//! What to answer the caller.

use super::plain::{plain, was_plain};
use super::{Contexts, MIN_MAX_LENGTH, Own, Roles, asked, max_length, selected, too_small};
use crate::dicom::pdu::{AnsweredContext, AssociateAc, AssociateRq, ContextResult, ProposedContext, Role, UserItems};
use crate::dicom::uid::Uid;

/// Why an archive's answer cannot be mirrored: it is aborted, the caller rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NegotiationFault {
    /// An id that was not proposed.
    #[error("the archive answers presentation context {0}, which was not proposed")]
    NotProposed(u8),
    /// A transfer syntax that was not proposed.
    #[error("the archive accepts presentation context {0} with a transfer syntax that was not proposed")]
    TransferSyntax(u8),
    /// A 51H that leaves no room.
    #[error("the archive takes {0} bytes at a time, fewer than the {MIN_MAX_LENGTH} it takes to talk")]
    MaxLength(u32),
}

/// The answer to the caller, and the contexts that may be used: the archive's answer (`ac`) to what it was asked
/// (`proposed`), put in terms of what the caller asked (`rq`), same ids, the caller's order, every id exactly once.
///
/// Result and transfer syntax of a context are the archive's, to the letter; one that was kept from the archive is
/// rejected by the user (1), one that the archive does not answer has no reason (2). A rejected context shows the
/// caller's first transfer syntax where the archive shows none: the field has to be there.
///
/// Of the user items: 51H is the least of the gateway's and the archive's; 52H, 55H are the archive's for certified
/// callers and the gateway's for others; 53H if asked of the archive too, the least of both; 54H what the archive, policy and the caller
/// all want, also where the archive says nothing, which is taken for consent, but policy has taken something away; 56H (of
/// queries and retrieves no more than was asked, where the gateway asked plainly) and items of unknown types if asked; 59H is dropped.
pub fn answer(
    rq: &AssociateRq,
    proposed: &AssociateRq,
    ac: &AssociateAc,
    own: &Own,
    certified: bool,
) -> Result<(AssociateAc, Contexts), NegotiationFault> {
    verify(proposed, ac)?;
    let answer = AssociateAc {
        protocol_version: 1,
        called: rq.called,
        calling: rq.calling,
        reserved: rq.reserved,
        application_context: rq.application_context,
        contexts: rq.contexts.iter().map(|context| mirror(context, proposed, ac)).collect(),
        user: user_items(&rq.user, &proposed.user, &ac.user, own, certified),
    };
    let contexts = Contexts::negotiated(rq, &answer);
    Ok((answer, contexts))
}

/// Whether an archive's answer can be mirrored: it answers what it was asked, and takes enough to talk.
///
/// # Errors
/// What is wrong with it; [`answer`] says the same.
pub fn verify(proposed: &AssociateRq, ac: &AssociateAc) -> Result<(), NegotiationFault> {
    if too_small(ac.user.max_length) {
        return Err(NegotiationFault::MaxLength(ac.user.max_length));
    }
    ac.contexts.iter().try_for_each(|answered| check(answered, proposed))
}

/// Whether the archive answers what it was asked.
fn check(answered: &AnsweredContext, proposed: &AssociateRq) -> Result<(), NegotiationFault> {
    let id = answered.id;
    let asked = proposed.contexts.iter().find(|context| context.id == id).ok_or(NegotiationFault::NotProposed(id))?;
    let offered = answered.transfer_syntax.is_some_and(|chosen| asked.transfer_syntaxes.contains(&chosen));
    if answered.result.accepted() && !offered {
        return Err(NegotiationFault::TransferSyntax(id));
    }
    Ok(())
}

/// The answer to one of the caller's contexts.
fn mirror(context: &ProposedContext, proposed: &AssociateRq, ac: &AssociateAc) -> AnsweredContext {
    let id = context.id;
    let was_asked = proposed.contexts.iter().any(|asked| asked.id == id);
    let answered = ac.contexts.iter().find(|answered| answered.id == id);
    let result = match (was_asked, answered) {
        (false, _) => ContextResult::UserRejection,
        (true, None) => ContextResult::NoReason,
        (true, Some(answered)) => answered.result,
    };
    let transfer_syntax = answered.and_then(|answered| answered.transfer_syntax);
    AnsweredContext { id, result, transfer_syntax: transfer_syntax.or(context.transfer_syntaxes.first().copied()) }
}

fn user_items(rq: &UserItems, proposed: &UserItems, ac: &UserItems, own: &Own, certified: bool) -> UserItems {
    let (class, version) = match ac.implementation_class {
        Some(class) if certified => (class, ac.implementation_version.clone()),
        _ => (own.implementation_class, Some(own.implementation_version.clone())),
    };
    UserItems {
        max_length: max_length(own.max_length, ac.max_length),
        implementation_class: Some(class),
        implementation_version: version,
        async_window: rq
            .async_window
            .filter(|_| proposed.async_window.is_some())
            .zip(ac.async_window)
            .map(|(asked, given)| narrower(asked, given)),
        roles: rq.roles.iter().filter_map(|role| answer_role(role, proposed, ac)).collect(),
        extended: ac
            .extended
            .iter()
            .filter(|(class, _)| proposed.extended.iter().any(|(asked, _)| asked == class))
            .map(|(class, given)| match was_plain(rq, proposed, class) {
                true => (*class, plain(class, given)),
                false => (*class, given.clone()),
            })
            .collect(),
        common_extended: Vec::new(),
        identity: None,
        identity_answer: None,
        chain: None,
        unknown: ac
            .unknown
            .iter()
            .filter(|(kind, _)| rq.unknown.iter().any(|(asked, _)| asked == kind))
            .cloned()
            .collect(),
    }
}

/// The 54H for one that the caller sent, if it is to be answered.
fn answer_role(role: &Role, proposed: &UserItems, ac: &UserItems) -> Option<Role> {
    // Not in the proposal: every context of this class was taken away, or no role was asked for.
    let granted = selected(proposed, &role.sop_class)?;
    let given = selected(ac, &role.sop_class);
    let asked = Roles { scu: role.scu, scp: role.scp };
    if given.is_none() && granted.and(asked) == asked {
        // All that was asked for was asked of the archive, and the caller makes of its silence what it would without us.
        return None;
    }
    let Roles { scu, scp } = given.unwrap_or(granted).and(granted).and(asked);
    Some(Role { sop_class: role.sop_class, scu, scp })
}

/// The least of two operations windows, where 0 is no limit (PS3.7 D.3.3.3).
pub(super) fn narrower(a: (u16, u16), b: (u16, u16)) -> (u16, u16) {
    let least = |a: u16, b: u16| if a == 0 || b == 0 { a.max(b) } else { a.min(b) };
    (least(a.0, b.0), least(a.1, b.1))
}

/// What the requestor may be on contexts of a SOP class once `answer` has gone out. Without an answer to the roles that it
/// asked for it is SCU alone (PS3.7 D.3.3.4); but archives that say nothing (Orthanc, of private classes) send what they are
/// asked for all the same, and who asked takes it: silence is taken for consent.
pub(super) fn settled(rq: &UserItems, answer: &UserItems, sop_class: &Uid) -> Roles {
    match selected(answer, sop_class).filter(|_| selected(rq, sop_class).is_some()) {
        Some(given) => given.and(asked(rq, sop_class)),
        None => asked(rq, sop_class),
    }
}

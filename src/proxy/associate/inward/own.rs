//! What the gateway itself answers on an archive's association: C-ECHO, and reports of storage commitment.

use crate::dicom::negotiation::{Candidate, Own, Roles, candidates, propose};
use crate::dicom::pdu::{AnsweredContext, AssociateAc, AssociateRq, ContextResult, RawTitle, Role, UserItems};
use crate::dicom::sop_class::{STORAGE_COMMITMENT_PUSH, VERIFICATION};
use crate::dicom::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN};
use crate::dicom::{AeTitle, Uid};

/// The gateway's own part of an association: what it would have been asked, and what it answers.
#[derive(Debug)]
pub(super) struct OwnPart {
    pub(super) asked: AssociateRq,
    pub(super) answer: AssociateAc,
    /// Reports of storage commitment may come.
    pub(super) reports: bool,
}

/// Whether the gateway itself answers on contexts of this class.
pub(super) fn is_own(class: &Uid) -> bool {
    [VERIFICATION, STORAGE_COMMITMENT_PUSH].contains(&class.as_str())
}

/// The gateway's own part of what an archive proposes: the contexts that `is_own` names. `None`: there is none.
pub(super) fn own_part(
    rq: &AssociateRq,
    is_own: impl Fn(Candidate<'_>) -> bool,
    own: &Own,
    called: AeTitle,
    calling: AeTitle,
) -> Option<OwnPart> {
    let asked = propose(rq, |candidate| is_own(candidate).then(|| roles(candidate)), own, called, calling);
    if asked.contexts.is_empty() {
        return None;
    }
    let roles = candidates(&asked)
        .filter(|candidate| rq.user.roles.iter().any(|role| role.sop_class == *candidate.abstract_syntax));
    let mut answered: Vec<Role> = Vec::new();
    for Candidate { abstract_syntax, roles: Roles { scu, scp }, .. } in roles {
        if !answered.iter().any(|role| role.sop_class == *abstract_syntax) {
            answered.push(Role { sop_class: *abstract_syntax, scu, scp });
        }
    }
    let answer = AssociateAc {
        protocol_version: 1,
        called: RawTitle::from(called),
        calling: RawTitle::from(calling),
        reserved: [0; 32],
        application_context: asked.application_context,
        contexts: asked.contexts.iter().map(|context| accept(context.id, &context.transfer_syntaxes)).collect(),
        user: UserItems {
            max_length: own.max_length,
            implementation_class: Some(own.implementation_class),
            implementation_version: Some(own.implementation_version.clone()),
            // No less than any other: how many of its own the gateway answers at a time is not a matter of patience.
            async_window: rq.user.async_window,
            roles: answered,
            ..UserItems::default()
        },
    };
    let reports = asked.contexts.iter().any(|context| context.abstract_syntax.as_str() == STORAGE_COMMITMENT_PUSH);
    Some(OwnPart { asked, answer, reports })
}

/// Who reports is the SCP (PS3.4 J.3.3), so that role is given as asked. An archive that negotiates none is taken for
/// one all the same: what it can send here is a report or nothing.
fn roles(candidate: Candidate<'_>) -> Roles {
    match candidate.roles {
        Roles { scp: true, .. } if candidate.abstract_syntax.as_str() == STORAGE_COMMITMENT_PUSH => {
            Roles { scu: false, scp: true }
        }
        asked => asked,
    }
}

/// With the first transfer syntax that the gateway can read.
fn accept(id: u8, syntaxes: &[Uid]) -> AnsweredContext {
    let readable = |uid: &&Uid| [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN].contains(&uid.as_str());
    match syntaxes.iter().find(readable) {
        Some(chosen) => AnsweredContext { id, result: ContextResult::Acceptance, transfer_syntax: Some(*chosen) },
        None => AnsweredContext { id, result: ContextResult::TransferSyntaxesNotSupported, transfer_syntax: None },
    }
}

//! What to ask the archive.

use super::{Own, Roles, asked, max_length};
use crate::dicom::ae_title::AeTitle;
use crate::dicom::pdu::{AssociateRq, Role, UserItems};
use crate::dicom::uid::Uid;

/// One proposed presentation context, as `keep` sees it.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Presentation context id.
    pub id: u8,
    /// SOP class.
    pub abstract_syntax: &'a Uid,
    /// Encodings that the caller offers.
    pub transfer_syntaxes: &'a [Uid],
    /// What the caller asks to be.
    pub roles: Roles,
}

/// Every proposed presentation context, in the caller's order.
pub fn candidates(rq: &AssociateRq) -> impl Iterator<Item = Candidate<'_>> {
    rq.contexts.iter().map(|context| Candidate {
        id: context.id,
        abstract_syntax: &context.abstract_syntax,
        transfer_syntaxes: &context.transfer_syntaxes,
        roles: asked(&rq.user, &context.abstract_syntax),
    })
}

/// The request to the archive: the caller's contexts under the same ids, in the same order, as far as `keep` lets them
/// pass. `keep` says what the caller may be on a context, at most what it asks; `None` or neither role takes the
/// context away. Roles are negotiated by SOP class: what `keep` grants on several contexts of one class is united.
///
/// Of the user items: 51H is the least of the gateway's and the caller's; 52H, 55H are the caller's (the gateway's for
/// a caller without 52H); 53H, 57H and items of unknown types pass; 54H as granted, 56H for SOP classes that are still
/// asked for; 58H, 59H and the word of a gateway before this one (D6H) end here.
///
/// If nothing is kept the request has no contexts: then there is nothing to ask, and nobody to dial.
pub fn propose(
    rq: &AssociateRq,
    mut keep: impl FnMut(Candidate<'_>) -> Option<Roles>,
    own: &Own,
    called: AeTitle,
    calling: AeTitle,
) -> AssociateRq {
    let mut contexts = Vec::with_capacity(rq.contexts.len());
    let mut granted: Vec<(Uid, Roles)> = Vec::new();
    for (context, candidate) in rq.contexts.iter().zip(candidates(rq)) {
        let asked = candidate.roles;
        let Some(roles) = keep(candidate).map(|roles| roles.and(asked)).filter(|roles| !roles.is_none()) else {
            continue;
        };
        match granted.iter_mut().find(|(class, _)| *class == context.abstract_syntax) {
            Some((_, sum)) => *sum = Roles { scu: sum.scu || roles.scu, scp: sum.scp || roles.scp },
            None => granted.push((context.abstract_syntax, roles)),
        }
        contexts.push(context.clone());
    }
    AssociateRq {
        protocol_version: 1,
        called: called.into(),
        calling: calling.into(),
        reserved: [0; 32],
        application_context: rq.application_context,
        contexts,
        user: user_items(&rq.user, &granted, own),
    }
}

fn user_items(user: &UserItems, granted: &[(Uid, Roles)], own: &Own) -> UserItems {
    let of_class = |class: &Uid| granted.iter().find(|(other, _)| other == class).map(|(_, roles)| *roles);
    let role = |role: &Role| {
        let Roles { scu, scp } = of_class(&role.sop_class).filter(|_| role.scu || role.scp)?;
        Some(Role { sop_class: role.sop_class, scu, scp })
    };
    let (implementation_class, implementation_version) = match user.implementation_class {
        Some(class) => (class, user.implementation_version.clone()),
        None => (own.implementation_class, Some(own.implementation_version.clone())),
    };
    UserItems {
        max_length: max_length(own.max_length, user.max_length),
        implementation_class: Some(implementation_class),
        implementation_version,
        async_window: user.async_window,
        roles: user.roles.iter().filter_map(role).collect(),
        extended: user.extended.iter().filter(|(class, _)| of_class(class).is_some()).cloned().collect(),
        common_extended: user.common_extended.clone(),
        identity: None,
        identity_answer: None,
        chain: None,
        unknown: user.unknown.clone(),
    }
}

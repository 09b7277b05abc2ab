//! Contexts beside the caller's: what a called system is asked on the gateway's own account, so that sealed objects have
//! a way through contexts that speak of other encodings (PS3.8 9.3.2.2; at most 128 contexts an association, with odd ids).
//!
//! The caller hears nothing of them, but that some of its own contexts are accepted for their sake.

use super::answer::settled;
use super::{Contexts, Roles};
use crate::dicom::pdu::{AssociateAc, AssociateRq, ContextResult, ProposedContext, Role, UserItems};
use crate::dicom::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN};
use crate::dicom::uid::Uid;

/// A context that a called system is to be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// SOP class.
    pub abstract_syntax: Uid,
    /// Encodings, the best first.
    pub transfer_syntaxes: Vec<Uid>,
    /// What the gateway is to be on it, on the caller's behalf.
    pub roles: Roles,
}

/// A context that a called system accepted and the caller knows nothing of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extra {
    /// Which of the called systems, by its number among the legs.
    pub leg: u8,
    /// Presentation context id there.
    pub id: u8,
    /// SOP class.
    pub abstract_syntax: Uid,
    /// Encoding of data sets.
    pub transfer_syntax: Uid,
    /// What the association's requestor may be.
    pub roles: Roles,
}

impl Extra {
    /// As a context.
    pub const fn context(&self) -> super::Context<'_> {
        super::Context {
            abstract_syntax: &self.abstract_syntax,
            transfer_syntax: &self.transfer_syntax,
            roles: self.roles,
        }
    }
}

/// Whether an encoding is one that archives leave alone: Explicit or Implicit VR Little Endian.
pub fn is_native(syntax: &Uid) -> bool {
    [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN].contains(&syntax.as_str())
}

/// Asks for more, under ids that neither the proposal nor the caller (`rq`) uses; what finds no id any more comes back.
pub fn add_extras(proposed: &mut AssociateRq, rq: &AssociateRq, wanted: Vec<Wanted>) -> Vec<Wanted> {
    let taken = |id: u8| rq.contexts.iter().chain(&proposed.contexts).any(|context| context.id == id);
    let free: Vec<u8> = (0..128_u8).map(|half| 2 * half + 1).filter(|id| !taken(*id)).collect();
    let mut wanted = wanted.into_iter();
    for id in free {
        let Some(next) = wanted.next() else { break };
        add(proposed, id, next);
    }
    wanted.collect()
}

/// What is asked of a system on a second association with it: as the first (`proposed`), for these contexts alone. More
/// than an association can have are left out.
pub fn ask_for_extras(proposed: &AssociateRq, wanted: Vec<Wanted>) -> AssociateRq {
    let user = UserItems {
        async_window: None,
        roles: Vec::new(),
        extended: Vec::new(),
        common_extended: Vec::new(),
        ..proposed.user.clone()
    };
    let mut asked = AssociateRq { contexts: Vec::new(), user, ..proposed.clone() };
    for (id, next) in (0..128_u8).map(|half| 2 * half + 1).zip(wanted) {
        add(&mut asked, id, next);
    }
    asked
}

/// What a system is asked on one more association for a request that it was sent on the first (`proposed`): the request's own
/// context, as it was accepted there, and these.
pub fn ask_for_request(
    proposed: &AssociateRq,
    id: u8,
    request: super::Context<'_>,
    wanted: Vec<Wanted>,
) -> AssociateRq {
    let class = request.abstract_syntax;
    let mut asked = ask_for_extras(proposed, Vec::new());
    asked.user.extended = proposed.user.extended.iter().filter(|(of, _)| of == class).cloned().collect();
    let transfer_syntaxes = vec![*request.transfer_syntax];
    asked.contexts.push(ProposedContext { id, abstract_syntax: *class, transfer_syntaxes });
    let nothing = AssociateRq { contexts: Vec::new(), ..asked.clone() };
    add_extras(&mut asked, &nothing, wanted);
    asked
}

fn add(proposed: &mut AssociateRq, id: u8, wanted: Wanted) {
    let Wanted { abstract_syntax, transfer_syntaxes, roles } = wanted;
    match proposed.user.roles.iter_mut().find(|role| role.sop_class == abstract_syntax) {
        Some(role) => {
            role.scu |= roles.scu;
            role.scp |= roles.scp;
        }
        None if roles == Roles::DEFAULT => {}
        None => {
            proposed.user.roles.push(Role { sop_class: abstract_syntax, scu: roles.scu, scp: roles.scp });
        }
    }
    proposed.contexts.push(ProposedContext { id, abstract_syntax, transfer_syntaxes });
}

/// Of contexts that `of` names, those that offer a native encoding ask for nothing else, Explicit VR first: what an
/// archive then sends can be opened.
pub fn ask_natively(proposed: &mut AssociateRq, mut of: impl FnMut(&ProposedContext) -> bool) {
    for context in &mut proposed.contexts {
        if context.transfer_syntaxes.iter().any(is_native) && of(context) {
            context.transfer_syntaxes.retain(is_native);
            context.transfer_syntaxes.sort_by_key(|syntax| syntax.as_str() != EXPLICIT_VR_LITTLE_ENDIAN);
            context.transfer_syntaxes.dedup();
        }
    }
}

/// SOP classes of video, whose objects nothing decodes.
const VIDEO: [&str; 3] =
    ["1.2.840.10008.5.1.4.1.1.77.1.1.1", "1.2.840.10008.5.1.4.1.1.77.1.2.1", "1.2.840.10008.5.1.4.1.1.77.1.4.1"];

/// The first video syntax that a context of a video class offers.
pub fn video_of(context: &ProposedContext) -> Option<&Uid> {
    let mut offered = context.transfer_syntaxes.iter().filter(|syntax| is_video(syntax));
    offered.next().filter(|_| VIDEO.contains(&context.abstract_syntax.as_str()))
}

/// MPEG2, MPEG-4 and HEVC.
fn is_video(syntax: &Uid) -> bool {
    syntax.as_str().starts_with("1.2.840.10008.1.2.4.10")
}

/// Of contexts that `of` names, those of a video class that offer a video syntax ask for nothing else.
pub fn ask_for_video(proposed: &mut AssociateRq, mut of: impl FnMut(&ProposedContext) -> bool) {
    for context in &mut proposed.contexts {
        if video_of(context).is_some() && of(context) {
            context.transfer_syntaxes.retain(is_video);
        }
    }
}

/// What a system accepted beside the caller's contexts. `leg`: its number; `proposed`: what it was asked; `further`: it is
/// the second association with a system, so that none of its contexts is the caller's.
pub fn accepted_extras(
    leg: u8,
    rq: &AssociateRq,
    proposed: &AssociateRq,
    ac: &AssociateAc,
    further: bool,
) -> Vec<Extra> {
    let is_callers = |id: u8| !further && rq.contexts.iter().any(|context| context.id == id);
    let asked = proposed.contexts.iter().filter(|context| !is_callers(context.id));
    asked
        .filter_map(|context| {
            let answered = ac.contexts.iter().find(|answered| answered.id == context.id)?;
            let transfer_syntax = answered.transfer_syntax.filter(|_| answered.result.accepted())?;
            Some(Extra {
                leg,
                id: context.id,
                abstract_syntax: context.abstract_syntax,
                transfer_syntax,
                roles: settled(&proposed.user, &ac.user, &context.abstract_syntax),
            })
        })
        .collect()
}

/// What a system was asked for and does not take: SOP classes, and the transfer syntaxes of contexts that it refused. What
/// else it could have chosen of a context that it accepted is not known.
pub fn declined<'a>(proposed: &'a AssociateRq, ac: &'a AssociateAc) -> impl Iterator<Item = (Uid, Uid)> + 'a {
    let accepted = |id: u8| ac.contexts.iter().any(|answered| answered.id == id && answered.result.accepted());
    let refused = proposed.contexts.iter().filter(move |context| !accepted(context.id));
    refused.flat_map(|context| context.transfer_syntaxes.iter().map(|syntax| (context.abstract_syntax, *syntax)))
}

/// An archive that is the caller, and may send what is sealed. The extras are the receiver's then.
#[derive(Clone, Copy)]
pub struct FromArchive<'a> {
    /// What it compresses into by itself.
    pub compresses: &'a [Uid],
    /// Whether what it sends of a class may be sealed.
    pub may_be_sealed: fn(&Uid) -> bool,
}

/// Accepts, for the sake of extras, contexts that the archive does not: those on which the caller is sent objects of a
/// class that an extra brings. Explicit LE if the caller offers it, else Implicit LE, else its first syntax; of video the
/// video syntax first. `from_archive`: accepted is what it can send natively, or as it compresses it, of their classes and of
/// those that may be sealed: the receiver, which knows the class, may be asked for what is in the seal.
pub fn accept_for_extras(
    rq: &AssociateRq,
    answer: &mut AssociateAc,
    extras: &[Extra],
    from_archive: Option<FromArchive<'_>>,
) -> Vec<u8> {
    let mut accepted = Vec::new();
    for proposed in &rq.contexts {
        let class = &proposed.abstract_syntax;
        let sends = |roles: Roles| if from_archive.is_some() { roles.scu } else { roles.scp };
        let brings = |extra: &Extra| extra.abstract_syntax == *class && sends(extra.roles);
        let sealed = from_archive.is_some_and(|archive| (archive.may_be_sealed)(class));
        if !(sealed || extras.iter().any(brings)) || !sends(settled(&rq.user, &answer.user, class)) {
            continue;
        }
        let refused = answer.contexts.iter_mut().find(|answered| {
            let unheard = matches!(answered.result, ContextResult::TransferSyntaxesNotSupported);
            answered.id == proposed.id && unheard
        });
        let offers = |name: &str| proposed.transfer_syntaxes.iter().find(|syntax| syntax.as_str() == name);
        let video = video_of(proposed).filter(|_| from_archive.is_none());
        let chosen = video.or_else(|| offers(EXPLICIT_VR_LITTLE_ENDIAN)).or_else(|| offers(IMPLICIT_VR_LITTLE_ENDIAN));
        let chosen = chosen.or_else(|| match from_archive {
            None => proposed.transfer_syntaxes.first(),
            Some(FromArchive { compresses, .. }) => {
                proposed.transfer_syntaxes.iter().find(|syntax| compresses.contains(syntax))
            }
        });
        if let (Some(refused), Some(chosen)) = (refused, chosen) {
            refused.result = ContextResult::Acceptance;
            refused.transfer_syntax = Some(*chosen);
            accepted.push(proposed.id);
        }
    }
    accepted
}

/// The contexts of an association whose called systems accepted more than the caller knows of. `further`: the numbers of
/// legs that are second associations; `from_archive`: see [`accept_for_extras`].
pub fn with_extras(
    rq: &AssociateRq,
    answer: &mut AssociateAc,
    contexts: Contexts,
    extras: Vec<Extra>,
    further: Vec<u8>,
    from_archive: Option<FromArchive<'_>>,
) -> Contexts {
    let callers_alone = accept_for_extras(rq, answer, &extras, from_archive);
    let contexts = if callers_alone.is_empty() { contexts } else { Contexts::negotiated(rq, answer) };
    contexts.beside(extras, callers_alone, further)
}

#[cfg(test)]
mod tests;

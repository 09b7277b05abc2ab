use super::*;
use crate::dicom::ae_title::AeTitle;
use crate::dicom::negotiation::{Context, Own, answer, propose, testing};
use crate::dicom::pdu::{AnsweredContext, VersionName};

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
const MR: &str = "1.2.840.10008.5.1.4.1.1.4";
const IMPLICIT: &str = "1.2.840.10008.1.2";
const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const JPEG: &str = "1.2.840.10008.1.2.4.50";
const J2K: &str = "1.2.840.10008.1.2.4.90";

fn uid(text: &str) -> Uid {
    Uid::new(text).unwrap()
}

fn own() -> Own {
    Own {
        max_length: 65_536,
        implementation_class: uid("1.2.3.4"),
        implementation_version: VersionName::new(b"GATE").unwrap(),
    }
}

fn request(contexts: &[(u8, &str, &[&str])], roles: &[(&str, bool, bool)]) -> AssociateRq {
    let plain: Vec<(&str, &[&str])> = contexts.iter().map(|&(_, class, syntaxes)| (class, syntaxes)).collect();
    let mut rq = testing::request(&plain, roles);
    for (context, (id, ..)) in rq.contexts.iter_mut().zip(contexts) {
        context.id = *id;
    }
    rq
}

fn asked(rq: &AssociateRq) -> AssociateRq {
    let title = AeTitle::new("PACS").unwrap();
    propose(rq, |candidate| Some(candidate.roles), &own(), title, title)
}

fn wanted(class: &str, roles: Roles) -> Wanted {
    Wanted { abstract_syntax: uid(class), transfer_syntaxes: vec![uid(EXPLICIT), uid(IMPLICIT)], roles }
}

/// An archive that takes these syntaxes, the first offered of them, and every role.
fn archive(asked: &AssociateRq, takes: &[&str]) -> AssociateAc {
    let contexts = asked.contexts.iter().map(|context| {
        let chosen = context.transfer_syntaxes.iter().find(|syntax| takes.contains(&syntax.as_str()));
        let result =
            if chosen.is_some() { ContextResult::Acceptance } else { ContextResult::TransferSyntaxesNotSupported };
        AnsweredContext { id: context.id, result, transfer_syntax: chosen.copied() }
    });
    AssociateAc {
        protocol_version: 1,
        called: asked.called,
        calling: asked.calling,
        reserved: [0; 32],
        application_context: asked.application_context,
        contexts: contexts.collect(),
        user: UserItems { max_length: 16_384, roles: asked.user.roles.clone(), ..UserItems::default() },
    }
}

const SCP: Roles = Roles { scu: false, scp: true };

#[test]
fn the_archive_is_asked_under_a_free_id_and_the_caller_hears_nothing_of_it() {
    let rq = request(&[(1, CT, &[JPEG]), (5, MR, &[JPEG])], &[]);
    let mut proposed = asked(&rq);
    // The caller uses 3 for something that policy took away.
    let rq = request(&[(1, CT, &[JPEG]), (3, "1.2.3", &[IMPLICIT]), (5, MR, &[JPEG])], &[]);
    assert_eq!(add_extras(&mut proposed, &rq, vec![wanted(CT, Roles::DEFAULT)]), []);
    let extra = proposed.contexts.last().unwrap();
    assert_eq!((extra.id, extra.abstract_syntax), (7, uid(CT)));
    assert!(proposed.user.roles.is_empty(), "who stores needs no role");
    let ac = archive(&proposed, &[EXPLICIT, JPEG]);
    let (mut told, contexts) = answer(&rq, &proposed, &ac, &own(), true).unwrap();
    let extras = accepted_extras(0, &rq, &proposed, &ac, false);
    let contexts = with_extras(&rq, &mut told, contexts, extras, Vec::new(), None);
    assert_eq!(told.contexts.iter().map(|context| context.id).collect::<Vec<_>>(), [1, 3, 5]);
    assert!(contexts.get(7).is_none());
    let called = contexts.called(0, 7).unwrap();
    assert_eq!((*called.transfer_syntax, called.roles), (uid(EXPLICIT), Roles::DEFAULT));
    assert_eq!(*contexts.called(0, 1).unwrap().transfer_syntax, uid(JPEG), "its own are mirrored");
    assert_eq!(contexts.extras(&uid(CT)).count(), 1);
    assert_eq!(contexts.extras(&uid(MR)).count(), 0);
}

#[test]
fn a_requester_is_accepted_where_only_the_extra_was() {
    let rq = request(&[(1, CT, &[J2K, JPEG]), (3, MR, &[J2K])], &[(CT, false, true), (MR, false, true)]);
    let mut proposed = asked(&rq);
    add_extras(&mut proposed, &rq, vec![wanted(CT, SCP)]);
    let ac = archive(&proposed, &[IMPLICIT]);
    let (mut told, contexts) = answer(&rq, &proposed, &ac, &own(), true).unwrap();
    assert!(contexts.get(1).is_none());
    let extras = accepted_extras(0, &rq, &proposed, &ac, false);
    let contexts = with_extras(&rq, &mut told, contexts, extras, Vec::new(), None);
    let Context { transfer_syntax, roles, .. } = contexts.get(1).unwrap();
    assert_eq!((*transfer_syntax, roles), (uid(J2K), SCP));
    assert!(contexts.called(0, 1).is_none(), "the archive knows nothing of it");
    assert_eq!(*contexts.called(0, 5).unwrap().transfer_syntax, uid(IMPLICIT));
    assert!(contexts.get(3).is_none(), "no extra brings this class");
}

#[test]
fn a_context_that_only_stores_is_not_accepted_for_an_extra() {
    let rq = request(&[(1, CT, &[JPEG])], &[]);
    let mut proposed = asked(&rq);
    add_extras(&mut proposed, &rq, vec![wanted(CT, Roles::DEFAULT)]);
    let ac = archive(&proposed, &[EXPLICIT]);
    let (mut told, contexts) = answer(&rq, &proposed, &ac, &own(), true).unwrap();
    let extras = accepted_extras(0, &rq, &proposed, &ac, false);
    let contexts = with_extras(&rq, &mut told, contexts, extras, Vec::new(), None);
    assert!(contexts.is_empty());
}

#[test]
fn what_finds_no_id_goes_on_a_second_association() {
    let names: Vec<String> = (0..128).map(|number| format!("1.2.9.{number}")).collect();
    let all: Vec<(u8, &str, &[&str])> =
        names.iter().zip(0..128_u8).map(|(name, at)| (2 * at + 1, name.as_str(), &[JPEG][..])).collect();
    let rq = request(&all[..127], &[]);
    let mut proposed = asked(&rq);
    let rest = add_extras(&mut proposed, &rq, vec![wanted(CT, SCP), wanted(MR, SCP)]);
    assert_eq!(proposed.contexts.len(), 128);
    assert_eq!(rest, [wanted(MR, SCP)]);
    let second = ask_for_extras(&proposed, rest);
    assert_eq!(second.contexts.len(), 1);
    assert_eq!(second.user.roles, [Role { sop_class: uid(MR), scu: false, scp: true }]);
    assert_eq!((second.called, second.user.max_length), (proposed.called, proposed.user.max_length));
    let (first_ac, second_ac) = (archive(&proposed, &[EXPLICIT, JPEG]), archive(&second, &[EXPLICIT]));
    let (mut told, contexts) = answer(&rq, &proposed, &first_ac, &own(), true).unwrap();
    let mut extras = accepted_extras(0, &rq, &proposed, &first_ac, false);
    extras.extend(accepted_extras(1, &rq, &second, &second_ac, true));
    let contexts = with_extras(&rq, &mut told, contexts, extras, vec![1], None);
    let brought = contexts.extras(&uid(MR)).next().unwrap();
    assert_eq!((brought.leg, brought.id, brought.roles), (1, 1, SCP));
    assert_eq!(*contexts.called(1, 1).unwrap().abstract_syntax, uid(MR));
    assert_eq!(contexts.called(0, 1).unwrap().abstract_syntax.as_str(), "1.2.9.0");
    assert!(contexts.called(1, 3).is_none(), "the second association has no other");
    assert!(contexts.is_further(1) && !contexts.is_further(0));
}

#[test]
fn what_is_to_be_opened_is_asked_for_natively() {
    let rq = request(&[(1, CT, &[JPEG, IMPLICIT, EXPLICIT]), (3, CT, &[JPEG]), (5, MR, &[JPEG, EXPLICIT])], &[]);
    let mut proposed = asked(&rq);
    ask_natively(&mut proposed, |context| context.abstract_syntax == uid(CT));
    let syntaxes = |id: u8| -> Vec<&str> {
        let context = proposed.contexts.iter().find(|context| context.id == id).unwrap();
        context.transfer_syntaxes.iter().map(Uid::as_str).collect()
    };
    assert_eq!(syntaxes(1), [EXPLICIT, IMPLICIT]);
    assert_eq!(syntaxes(3), [JPEG], "there is no native one to ask for");
    assert_eq!(syntaxes(5), [JPEG, EXPLICIT]);
}

#[test]
fn one_more_association_adds_contexts_and_the_end_of_one_takes_its_own_away() {
    let rq = request(&[(1, CT, &[JPEG, EXPLICIT]), (3, CT, &[J2K]), (5, MR, &[JPEG, J2K])], &[]);
    let proposed = asked(&rq);
    let ac = archive(&proposed, &[EXPLICIT]);
    let refused: Vec<(Uid, Uid)> = declined(&proposed, &ac).collect();
    // Of a context that was accepted it was a choice.
    assert_eq!(refused, [(uid(CT), uid(J2K)), (uid(MR), uid(JPEG)), (uid(MR), uid(J2K))]);
    let (_, mut contexts) = answer(&rq, &proposed, &ac, &own(), true).unwrap();
    let more =
        ask_for_extras(&proposed, vec![Wanted { transfer_syntaxes: vec![uid(JPEG)], ..wanted(CT, Roles::DEFAULT) }]);
    let extras = accepted_extras(1, &more, &more, &archive(&more, &[JPEG]), true);
    contexts.add_further(1, extras);
    let syntax = |contexts: &Contexts, leg| contexts.called(leg, 1).map(|context| context.transfer_syntax.to_string());
    assert_eq!((syntax(&contexts, 0), syntax(&contexts, 1)), (Some(EXPLICIT.to_owned()), Some(JPEG.to_owned())));
    contexts.forget(0);
    assert_eq!((syntax(&contexts, 0), syntax(&contexts, 1)), (None, Some(JPEG.to_owned())));
    assert!(contexts.get(1).is_some(), "the caller knows nothing of it");
    contexts.forget(1);
    assert!(contexts.called(1, 1).is_none() && contexts.extras(&uid(CT)).next().is_none());
}

#[test]
fn of_what_may_be_sealed_an_archive_may_send_natively_what_a_destination_takes_nothing_of_yet() {
    let rq = request(&[(1, CT, &[JPEG, IMPLICIT]), (3, CT, &[J2K]), (5, MR, &[EXPLICIT]), (7, CT, &[EXPLICIT])], &[]);
    let mut told = archive(&rq, &[]);
    told.contexts[3].result = ContextResult::AbstractSyntaxNotSupported;
    let from_archive = FromArchive { compresses: &[], may_be_sealed: |class| class.as_str() == CT };
    let contexts = Contexts::negotiated(&rq, &told);
    let contexts = with_extras(&rq, &mut told, contexts, Vec::new(), Vec::new(), Some(from_archive));
    let accepted: Vec<_> = contexts.iter().map(|(id, context)| (id, context.transfer_syntax.as_str())).collect();
    assert_eq!(accepted, [(1, IMPLICIT)]);
    assert!(contexts.called(0, 1).is_none(), "the destination knows nothing of it");
}

//! Negotiation item by item, as design 3.4 lists them.

use super::reject::{APPLICATION_CONTEXT, ARCHIVE_AWAY, FULL, PROTOCOL_VERSION, REFUSED, by_provider, by_user};
use super::*;
use crate::dicom::ae_title::AeTitle;
use crate::dicom::pdu::user_identity::IdentityAnswer;
use crate::dicom::pdu::{
    AnsweredContext, AssociateAc, AssociateRq, ChainItem, ContextResult, ProposedContext, RawTitle, Role, UserIdentity,
};
use bytes::Bytes;

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
const MR: &str = "1.2.840.10008.5.1.4.1.1.4";
const ECHO: &str = "1.2.840.10008.1.1";
const IMPLICIT: &str = "1.2.840.10008.1.2";
const EXPLICIT: &str = "1.2.840.10008.1.2.1";

fn uid(text: &str) -> Uid {
    Uid::new(text).unwrap()
}

fn proposed(id: u8, class: &str, syntaxes: &[&str]) -> ProposedContext {
    let transfer_syntaxes = syntaxes.iter().map(|name| uid(name)).collect();
    ProposedContext { id, abstract_syntax: uid(class), transfer_syntaxes }
}

fn accepted(id: u8, syntax: &str) -> AnsweredContext {
    AnsweredContext { id, result: ContextResult::Acceptance, transfer_syntax: Some(uid(syntax)) }
}

fn role(class: &str, scu: bool, scp: bool) -> Role {
    Role { sop_class: uid(class), scu, scp }
}

fn request() -> AssociateRq {
    AssociateRq {
        protocol_version: 1,
        called: RawTitle(*b"PACS_OUTSIDE    "),
        calling: RawTitle(*b"  CT1           "),
        reserved: [7; 32],
        application_context: uid("1.2.840.10008.3.1.1.1"),
        contexts: vec![
            proposed(5, CT, &[EXPLICIT, IMPLICIT]),
            proposed(1, ECHO, &[IMPLICIT]),
            proposed(9, MR, &[IMPLICIT]),
        ],
        user: UserItems {
            max_length: 32_768,
            implementation_class: Some(uid("1.2.3")),
            implementation_version: VersionName::new(b"CT_5"),
            ..UserItems::default()
        },
    }
}

fn accept_all(rq: &AssociateRq) -> AssociateAc {
    AssociateAc {
        protocol_version: 1,
        called: rq.called,
        calling: rq.calling,
        reserved: rq.reserved,
        application_context: rq.application_context,
        contexts: rq
            .contexts
            .iter()
            .map(|context| AnsweredContext {
                id: context.id,
                result: ContextResult::Acceptance,
                transfer_syntax: context.transfer_syntaxes.last().copied(),
            })
            .collect(),
        user: UserItems {
            max_length: 16_384,
            implementation_class: Some(uid("1.9.9")),
            implementation_version: VersionName::new(b"OLD_PACS"),
            ..UserItems::default()
        },
    }
}

fn own() -> Own {
    Own {
        max_length: 131_072,
        implementation_class: uid("1.2.5.5"),
        implementation_version: VersionName::new(b"GATEWAY").unwrap(),
    }
}

fn ask(rq: &AssociateRq, keep: impl FnMut(Candidate<'_>) -> Option<Roles>) -> AssociateRq {
    propose(rq, keep, &own(), AeTitle::new("PACS").unwrap(), AeTitle::new("CT1").unwrap())
}

fn ask_all(rq: &AssociateRq) -> AssociateRq {
    ask(rq, |candidate| Some(candidate.roles))
}

fn mirror(rq: &AssociateRq, ac: &AssociateAc) -> (AssociateAc, Contexts) {
    answer(rq, &ask_all(rq), ac, &own(), true).unwrap()
}

#[test]
fn the_archive_is_asked_for_what_is_kept_under_the_same_ids() {
    let rq = request();
    let mut seen = Vec::new();
    let to_archive = ask(&rq, |candidate| {
        seen.push((candidate.id, *candidate.abstract_syntax, candidate.transfer_syntaxes.len(), candidate.roles));
        (*candidate.abstract_syntax != uid(ECHO)).then_some(candidate.roles)
    });
    let default = Roles::DEFAULT;
    assert_eq!(seen, [(5, uid(CT), 2, default), (1, uid(ECHO), 1, default), (9, uid(MR), 1, default)]);
    assert_eq!(to_archive.contexts, [rq.contexts[0].clone(), rq.contexts[2].clone()]);
    assert_eq!((to_archive.called.0, to_archive.calling.0), (*b"PACS            ", *b"CT1             "));
    assert_eq!(to_archive.reserved, [0; 32]);
    assert!(ask(&rq, |_| None).contexts.is_empty());
    let nothing = Some(Roles { scu: false, scp: false });
    assert!(ask(&rq, |_| nothing).contexts.is_empty());
}

#[test]
fn the_answer_mirrors_the_archive_and_answers_each_id_once_in_order() {
    let rq = request();
    let to_archive = ask(&rq, |candidate| (candidate.id != 5).then_some(candidate.roles));
    let mut ac = accept_all(&to_archive);
    ac.contexts.reverse();
    ac.contexts[0] =
        AnsweredContext { id: 9, result: ContextResult::AbstractSyntaxNotSupported, transfer_syntax: None };
    let (answer, contexts) = answer(&rq, &to_archive, &ac, &own(), true).unwrap();
    let results: Vec<_> = answer.contexts.iter().map(|context| (context.id, context.result.byte())).collect();
    assert_eq!(results, [(5, 1), (1, 0), (9, 3)]);
    assert_eq!(answer.contexts[0].transfer_syntax, Some(uid(EXPLICIT)), "always there, significant or not");
    assert_eq!((answer.called, answer.calling, answer.reserved), (rq.called, rq.calling, rq.reserved));
    assert_eq!(contexts.len(), 1);
    let echo = contexts.get(1).unwrap();
    assert_eq!((echo.abstract_syntax, echo.transfer_syntax), (&uid(ECHO), &uid(IMPLICIT)));
    for id in (0..=255).filter(|id| *id != 1) {
        assert_eq!(contexts.get(id), None);
    }
}

#[test]
fn an_archive_may_answer_only_what_it_was_asked() {
    let rq = request();
    let to_archive = ask(&rq, |candidate| (candidate.id != 5).then_some(candidate.roles));
    let with = |context| {
        let ac = AssociateAc { contexts: vec![context], ..accept_all(&to_archive) };
        answer(&rq, &to_archive, &ac, &own(), true)
    };
    // Not proposed at all; proposed by the caller, but kept from the archive.
    assert_eq!(with(accepted(77, IMPLICIT)).unwrap_err(), NegotiationFault::NotProposed(77));
    assert_eq!(with(accepted(5, IMPLICIT)).unwrap_err(), NegotiationFault::NotProposed(5));
    assert_eq!(with(accepted(9, EXPLICIT)).unwrap_err(), NegotiationFault::TransferSyntax(9));
    // What it leaves out has no reason.
    let (answer, contexts) = with(accepted(9, IMPLICIT)).unwrap();
    let results: Vec<_> = answer.contexts.iter().map(|context| context.result.byte()).collect();
    assert_eq!((results, contexts.len()), (vec![1, 2, 0], 1));
}

#[test]
fn max_length_each_side_is_told_the_least_that_fits_unchanged() {
    // (caller's, archive's) -> (told the archive, told the caller); the gateway takes 131,072.
    let cases = [
        ((32_768, 16_384), (32_768, 16_384)),
        ((0, 0), (131_072, 131_072)),
        ((0, 16_384), (131_072, 16_384)),
        ((1 << 20, 0xffff_ffff), (131_072, 131_072)),
        ((16_383, 28_671), (16_382, 28_670)),
    ];
    for ((caller, archive), (to_archive, to_caller)) in cases {
        let mut rq = request();
        rq.user.max_length = caller;
        let asked = ask_all(&rq);
        assert_eq!(asked.user.max_length, to_archive);
        let mut ac = accept_all(&asked);
        ac.user.max_length = archive;
        assert_eq!(mirror(&rq, &ac).0.user.max_length, to_caller);
    }
    let rq = request();
    let mut ac = accept_all(&rq);
    ac.user.max_length = 7;
    assert_eq!(answer(&rq, &ask_all(&rq), &ac, &own(), true).unwrap_err(), NegotiationFault::MaxLength(7));
}

#[test]
fn implementation_names_are_the_senders_and_shown_to_the_certified_only() {
    let rq = request();
    let asked = ask_all(&rq);
    assert_eq!(asked.user.implementation_class, rq.user.implementation_class);
    assert_eq!(asked.user.implementation_version, rq.user.implementation_version);
    let ac = accept_all(&asked);
    let names = |certified| {
        let user = answer(&rq, &asked, &ac, &own(), certified).unwrap().0.user;
        (user.implementation_class.unwrap(), user.implementation_version.unwrap())
    };
    assert_eq!(names(true), (uid("1.9.9"), VersionName::new(b"OLD_PACS").unwrap()));
    assert_eq!(names(false), (uid("1.2.5.5"), VersionName::new(b"GATEWAY").unwrap()));
    let nameless = AssociateRq { user: UserItems { implementation_class: None, ..rq.user.clone() }, ..rq };
    assert_eq!(ask_all(&nameless).user.implementation_class, Some(uid("1.2.5.5")));
}

#[test]
fn the_word_of_a_gateway_before_this_one_reaches_no_archive_and_no_caller() {
    let mut rq = request();
    rq.user.chain = ChainItem::new("7K3F-9QX2", "edge-ct1");
    let asked = ask_all(&rq);
    assert_eq!(asked.user.chain, None);
    let mut ac = accept_all(&asked);
    ac.user.chain = rq.user.chain.clone();
    assert_eq!(mirror(&rq, &ac).0.user.chain, None);
}

#[test]
fn the_operations_window_only_if_asked_and_the_least_of_both() {
    let window = |asked, given| {
        let mut rq = request();
        rq.user.async_window = asked;
        let to_archive = ask_all(&rq);
        assert_eq!(to_archive.user.async_window, asked);
        let mut ac = accept_all(&to_archive);
        ac.user.async_window = given;
        mirror(&rq, &ac).0.user.async_window
    };
    assert_eq!(window(None, Some((5, 5))), None);
    assert_eq!(window(Some((5, 5)), None), None);
    assert_eq!(window(Some((8, 2)), Some((4, 6))), Some((4, 2)));
    assert_eq!(window(Some((0, 0)), Some((4, 0))), Some((4, 0)));
}

/// Roles asked for, roles that policy grants, roles that the archive gives: what the archive hears, what the caller
/// hears, what holds.
#[test]
fn roles_are_what_archive_policy_and_caller_all_want() {
    type Bits = Option<(bool, bool)>;
    type Case = (Bits, (bool, bool), Bits, Bits, Bits, (bool, bool));
    let roles = |bits: (bool, bool)| Roles { scu: bits.0, scp: bits.1 };
    let cases: [Case; 11] = [
        // Nobody says anything: SCU.
        (None, (true, true), None, None, None, (true, false)),
        // The archive gives what was not asked for.
        (None, (true, true), Some((true, true)), None, None, (true, false)),
        // A C-GET client and an archive that plays along.
        (
            Some((false, true)),
            (true, true),
            Some((false, true)),
            Some((false, true)),
            Some((false, true)),
            (false, true),
        ),
        // Both roles, and policy takes one.
        (
            Some((true, true)),
            (true, false),
            Some((true, true)),
            Some((true, false)),
            Some((true, false)),
            (true, false),
        ),
        (
            Some((true, true)),
            (false, true),
            Some((true, true)),
            Some((false, true)),
            Some((false, true)),
            (false, true),
        ),
        // The archive takes one.
        (Some((true, true)), (true, true), Some((true, false)), Some((true, true)), Some((true, false)), (true, false)),
        // The archive says nothing, and the caller hears nothing: it may take what comes all the same.
        (Some((true, true)), (true, true), None, Some((true, true)), None, (true, true)),
        (Some((false, true)), (true, true), None, Some((false, true)), None, (false, true)),
        // It says nothing, and policy has taken something away: that is said.
        (Some((true, true)), (true, false), None, Some((true, false)), Some((true, false)), (true, false)),
        (Some((true, true)), (false, true), None, Some((false, true)), Some((false, true)), (false, true)),
        // Neither role asks for nothing.
        (Some((false, false)), (true, true), None, None, None, (true, false)),
    ];
    for (asked, policy, given, to_archive, to_caller, holds) in cases {
        let mut rq = request();
        rq.user.roles = asked.map(|(scu, scp)| role(CT, scu, scp)).into_iter().collect();
        let proposal = ask(&rq, |candidate| {
            Some(if *candidate.abstract_syntax == uid(CT) { roles(policy) } else { candidate.roles })
        });
        let said = |items: &[Role]| items.iter().map(|role| (role.scu, role.scp)).next();
        assert_eq!(said(&proposal.user.roles), to_archive, "{asked:?} {policy:?}");
        let mut ac = accept_all(&proposal);
        ac.user.roles = given.map(|(scu, scp)| role(CT, scu, scp)).into_iter().collect();
        let (answer, contexts) = answer(&rq, &proposal, &ac, &own(), true).unwrap();
        assert_eq!(said(&answer.user.roles), to_caller, "{asked:?} {policy:?} {given:?}");
        assert_eq!(contexts.get(5).unwrap().roles, roles(holds), "{asked:?} {policy:?} {given:?}");
        assert_eq!(contexts.get(9).unwrap().roles, Roles::DEFAULT);
    }
}

#[test]
fn roles_and_extended_items_go_with_their_contexts() {
    let mut rq = request();
    rq.user.roles = vec![role(CT, false, true), role(MR, true, true)];
    rq.user.extended = vec![(uid(CT), Bytes::from_static(&[1])), (uid(MR), Bytes::from_static(&[2]))];
    let proposal = ask(&rq, |candidate| (*candidate.abstract_syntax != uid(MR)).then_some(candidate.roles));
    assert_eq!(proposal.user.roles, [role(CT, false, true)]);
    assert_eq!(proposal.user.extended, [(uid(CT), Bytes::from_static(&[1]))]);
    let mut ac = accept_all(&proposal);
    ac.user.roles = vec![role(CT, false, true), role(MR, true, true)];
    ac.user.extended = vec![(uid(CT), Bytes::from_static(&[0])), (uid(MR), Bytes::from_static(&[2]))];
    let (answer, _) = answer(&rq, &proposal, &ac, &own(), true).unwrap();
    assert_eq!(answer.user.roles, [role(CT, false, true)]);
    assert_eq!(answer.user.extended, [(uid(CT), Bytes::from_static(&[0]))]);
}

#[test]
fn identities_end_here_and_unknown_items_pass() {
    let mut rq = request();
    rq.user.identity =
        Some(UserIdentity { kind: 2, positive_response: true, primary: b"anna".to_vec(), secondary: b"x".to_vec() });
    rq.user.common_extended = vec![Bytes::from_static(b"57")];
    rq.user.unknown = vec![(0x77, Bytes::from_static(b"q"))];
    let proposal = ask_all(&rq);
    assert_eq!((&proposal.user.identity, &proposal.user.identity_answer), (&None, &None));
    assert_eq!((&proposal.user.common_extended, &proposal.user.unknown), (&rq.user.common_extended, &rq.user.unknown));
    let mut ac = accept_all(&proposal);
    ac.user.identity_answer = Some(IdentityAnswer(Bytes::new()));
    ac.user.unknown = vec![(0x77, Bytes::from_static(b"a")), (0x78, Bytes::from_static(b"unasked"))];
    let (answer, _) = mirror(&rq, &ac);
    assert_eq!(answer.user.identity_answer, None);
    assert_eq!(answer.user.unknown, [(0x77, Bytes::from_static(b"a"))]);
}

#[test]
fn contexts_are_small_and_all_128_are_found() {
    let mut rq = request();
    rq.contexts =
        (0..128_u8).map(|half| proposed(2 * half + 1, if half < 64 { CT } else { MR }, &[EXPLICIT])).collect();
    let contexts = Contexts::negotiated(&rq, &accept_all(&rq));
    assert_eq!(contexts.len(), 128);
    for id in 0..=255 {
        let class = if id < 128 { CT } else { MR };
        let expected = (id % 2 == 1).then(|| uid(class));
        assert_eq!(contexts.get(id).map(|context| *context.abstract_syntax), expected, "id {id}");
    }
    let ids: Vec<_> = contexts.iter().map(|(id, _)| id).collect();
    assert_eq!(ids, (0..128).map(|half| 2 * half + 1).collect::<Vec<u8>>());
    assert!(Contexts::default().is_empty());
    assert!(size_of::<Contexts>() <= 160);
}

#[test]
fn rejections_byte_for_byte() {
    let bytes = |rj: crate::dicom::pdu::AssociateRj| rj.to_bytes();
    assert_eq!(bytes(REFUSED), [3, 0, 0, 0, 0, 4, 0, 1, 1, 1]);
    assert_eq!(bytes(ARCHIVE_AWAY), [3, 0, 0, 0, 0, 4, 0, 2, 3, 1]);
    assert_eq!(bytes(FULL), [3, 0, 0, 0, 0, 4, 0, 2, 3, 2]);
    let mut rq = request();
    assert_eq!((by_provider(&rq), by_user(&rq)), (None, None));
    rq.protocol_version = 0xfffd;
    assert_eq!(by_provider(&rq), None, "only bit 0 is tested");
    rq.protocol_version = 2;
    assert_eq!(by_provider(&rq), Some(PROTOCOL_VERSION));
    rq.application_context = uid("1.2.3");
    assert_eq!(by_user(&rq), Some(APPLICATION_CONTEXT));
    let mut rq = request();
    rq.user.max_length = MIN_MAX_LENGTH - 1;
    assert_eq!(by_user(&rq), Some(REFUSED));
}

/// What one of several systems is asked: the contexts with these ids.
fn part_of(rq: &AssociateRq, ids: &[u8]) -> AssociateRq {
    ask(rq, |candidate| ids.contains(&candidate.id).then_some(candidate.roles))
}

#[test]
fn several_answers_are_merged_by_context() {
    let mut rq = request();
    rq.user.roles = vec![role(CT, true, true), role(MR, true, true)];
    rq.user.extended = vec![(uid(CT), Bytes::from_static(b"\x01")), (uid(MR), Bytes::from_static(b"\x01"))];
    rq.user.async_window = Some((4, 4));
    let (pacs, other) = (part_of(&rq, &[5, 1]), part_of(&rq, &[9]));
    let mut first = accept_all(&pacs);
    first.user.async_window = Some((3, 0));
    // It speaks of a class that it was not asked for.
    first.user.roles = vec![role(CT, true, true), role(MR, true, false)];
    let mut second = accept_all(&other);
    second.user.max_length = 8_192;
    second.user.async_window = Some((0, 2));
    second.user.roles = vec![role(MR, true, true)];
    second.user.extended = vec![(uid(MR), Bytes::from_static(b"\x02")), (uid(CT), Bytes::from_static(b"\x03"))];
    second.user.implementation_version = VersionName::new(b"RIS");
    let parts = [Part { asked: &pacs, answer: Some(&first) }, Part { asked: &other, answer: Some(&second) }];
    let (asked, answered) = merge(&rq, &parts).unwrap();
    assert_eq!(asked.contexts, rq.contexts);
    let (ac, contexts) = answer(&rq, &asked, &answered, &own(), true).unwrap();
    let results: Vec<_> = ac.contexts.iter().map(|context| (context.id, context.result)).collect();
    assert_eq!(results, [5, 1, 9].map(|id| (id, ContextResult::Acceptance)));
    assert_eq!(contexts.len(), 3);
    assert_eq!((ac.user.max_length, ac.user.async_window), (8_192, Some((3, 2))));
    assert_eq!(ac.user.roles, [role(CT, true, true), role(MR, true, true)]);
    assert_eq!(ac.user.extended, [(uid(MR), Bytes::from_static(b"\x02"))]);
    assert_eq!(ac.user.implementation_version, VersionName::new(b"OLD_PACS"));
    let no_window = AssociateAc { user: UserItems { async_window: None, ..second.user.clone() }, ..second.clone() };
    let parts = [parts[0], Part { asked: &other, answer: Some(&no_window) }];
    assert_eq!(merge(&rq, &parts).unwrap().1.user.async_window, None);
}

#[test]
fn a_system_without_an_answer_loses_its_contexts_alone() {
    let mut rq = request();
    rq.user.roles = vec![role(CT, false, true)];
    let (pacs, other) = (part_of(&rq, &[5, 1]), part_of(&rq, &[9]));
    let second = accept_all(&other);
    let parts = [Part { asked: &pacs, answer: None }, Part { asked: &other, answer: Some(&second) }];
    let (asked, answered) = merge(&rq, &parts).unwrap();
    let (ac, contexts) = answer(&rq, &asked, &answered, &own(), true).unwrap();
    let results: Vec<_> = ac.contexts.iter().map(|context| (context.id, context.result.byte())).collect();
    assert_eq!(results, [(5, 2), (1, 2), (9, 0)]);
    assert_eq!(ac.user.roles, []);
    assert_eq!(contexts.iter().map(|(id, _)| id).collect::<Vec<_>>(), [9]);
    assert!(merge(&rq, &[Part { asked: &pacs, answer: None }]).is_none());
}

#[test]
fn what_systems_are_asked_beside_the_callers_contexts_stays_out_of_the_answer() {
    let rq = request();
    let (mut pacs, mut other) = (part_of(&rq, &[5, 1]), part_of(&rq, &[9]));
    for part in [&mut pacs, &mut other] {
        let beside = ProposedContext { id: 11, ..rq.contexts.first().unwrap().clone() };
        part.contexts.push(beside);
    }
    let (first, second) = (accept_all(&pacs), accept_all(&other));
    let parts = [Part { asked: &pacs, answer: Some(&first) }, Part { asked: &other, answer: Some(&second) }];
    let (asked, answered) = merge(&rq, &parts).unwrap();
    let (ac, _) = answer(&rq, &asked, &answered, &own(), true).unwrap();
    assert_eq!(ac.contexts.iter().map(|context| context.id).collect::<Vec<_>>(), [5, 1, 9]);
}

#[test]
fn one_system_alone_is_mirrored_as_it_is() {
    let mut rq = request();
    rq.user.roles = vec![role(CT, true, true), role(MR, true, true)];
    rq.user.unknown = vec![(0x5f, Bytes::from_static(b"new"))];
    let asked = part_of(&rq, &[5]);
    let mut answered = accept_all(&asked);
    answered.user.roles = vec![role(MR, true, true), role(CT, true, false)];
    answered.user.max_length = 0;
    let merged = merge(&rq, &[Part { asked: &asked, answer: Some(&answered) }]).unwrap();
    assert_eq!(merged, (asked, answered));
}

const FIND: &str = "1.2.840.10008.5.1.4.1.2.2.1";
const MOVE: &str = "1.2.840.10008.5.1.4.1.2.2.2";

#[test]
fn who_asks_plainly_gets_no_relational_or_fuzzy_queries_whatever_the_archive_says() {
    let mut rq = request();
    rq.contexts = vec![proposed(1, FIND, &[IMPLICIT]), proposed(3, MOVE, &[IMPLICIT]), proposed(5, CT, &[IMPLICIT])];
    let all = Bytes::from_static(&[1; 5]);
    rq.user.extended = vec![(uid(FIND), all.clone()), (uid(MOVE), Bytes::from_static(&[1, 1])), (uid(CT), all.clone())];
    rq.user.async_window = Some((4, 4));
    let called = AeTitle::new("PACS").unwrap();
    let mut asked = propose(&rq, |candidate| Some(candidate.roles), &own(), called, called);
    assert_eq!(asked.user.extended, rq.user.extended);
    ask_plainly(&mut asked.user);
    let plain = vec![
        (uid(FIND), Bytes::from_static(&[0, 1, 0, 0, 1])),
        (uid(MOVE), Bytes::from_static(&[0, 1])),
        (uid(CT), all),
    ];
    assert_eq!(asked.user.extended, plain);
    assert_eq!(asked.user.async_window, None);
    let mut ac = accept_all(&asked);
    ac.user.extended = rq.user.extended.clone();
    ac.user.async_window = Some((4, 4));
    let (answered, _) = answer(&rq, &asked, &ac, &own(), true).unwrap();
    assert_eq!(answered.user.extended, plain);
    assert_eq!(answered.user.async_window, None);
}

#[test]
fn what_was_asked_as_it_came_is_answered_as_it_came() {
    let mut rq = request();
    rq.contexts = vec![proposed(1, FIND, &[IMPLICIT])];
    rq.user.extended = vec![(uid(FIND), Bytes::from_static(&[1, 0]))];
    let called = AeTitle::new("PACS").unwrap();
    let asked = propose(&rq, |candidate| Some(candidate.roles), &own(), called, called);
    let mut ac = accept_all(&asked);
    ac.user.extended = vec![(uid(FIND), Bytes::from_static(&[1, 1, 1]))];
    let (answered, _) = answer(&rq, &asked, &ac, &own(), true).unwrap();
    assert_eq!(answered.user.extended, ac.user.extended);
}

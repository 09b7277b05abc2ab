//! PDUs byte for byte: vectors, round trips, and every malformed PDU by name.

use super::item::Item;
use super::user_identity::IdentityAnswer;
use super::user_items::Side;
use super::*;
use crate::dicom::uid::Uid;
use bytes::Bytes;
use proptest::prelude::{Strategy, any, prop, prop_assert_eq, proptest};

fn uid(text: &str) -> Uid {
    Uid::new(text).unwrap()
}

/// An item: type, reserved, length, value.
fn item(kind: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![kind, 0];
    out.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
    out.extend_from_slice(value);
    out
}

/// An association PDU around some items.
fn associate(kind: u8, items: &[Vec<u8>]) -> Vec<u8> {
    let body = [&[0, 1, 0, 0][..], b"PACS            ", b"CT1             ", &[0; 32], &items.concat()].concat();
    let mut out = vec![kind, 0];
    out.extend_from_slice(&u32::try_from(body.len()).unwrap().to_be_bytes());
    out.extend_from_slice(&body);
    out
}

fn application() -> Vec<u8> {
    item(0x10, b"1.2.840.10008.3.1.1.1")
}

fn context(id: u8) -> Vec<u8> {
    let subs = [vec![id, 0, 0, 0], item(0x30, b"1.2.840.10008.1.1"), item(0x40, b"1.2.840.10008.1.2")].concat();
    item(0x20, &subs)
}

fn answered(id: u8, result: u8, transfer_syntax: Option<&[u8]>) -> Vec<u8> {
    let syntax = transfer_syntax.map(|name| item(0x40, name)).unwrap_or_default();
    item(0x21, &[vec![id, 0, result, 0], syntax].concat())
}

fn max_length() -> Vec<u8> {
    item(0x51, &[0, 0, 0x40, 0])
}

fn user(subs: &[Vec<u8>]) -> Vec<u8> {
    item(0x50, &[&[max_length()], subs].concat().concat())
}

fn rq(subs: &[Vec<u8>]) -> Vec<u8> {
    associate(1, &[application(), context(1), user(subs)])
}

/// What is wrong with a request, and what the peer is told.
fn refused(bytes: &[u8]) -> (FaultKind, u8) {
    let fault = AssociateRq::decode(bytes).unwrap_err();
    let Abort { source, reason } = fault.abort();
    assert_eq!(source, 2);
    assert!((fault.offset as usize) <= bytes.len(), "{fault}");
    (fault.kind, reason)
}

const LENGTH: (FaultKind, u8) = (FaultKind::Length, 6);
const VALUE: (FaultKind, u8) = (FaultKind::Value, 6);
const MISSING: (FaultKind, u8) = (FaultKind::Missing, 6);
const TWICE: (FaultKind, u8) = (FaultKind::UnexpectedParameter, 5);
const LIMIT: (FaultKind, u8) = (FaultKind::Limit, 0);

#[test]
fn a_request_is_read_and_written_byte_for_byte() {
    let role = [&[0, 17][..], b"1.2.840.10008.1.1", &[1, 0]].concat();
    let extended = [&[0, 17][..], b"1.2.840.10008.1.1", &[1, 1, 0]].concat();
    let identity = [&[2, 1, 0, 4][..], b"anna", &[0, 6], b"secret"].concat();
    let bytes = rq(&[
        item(0x52, b"1.2.3.4"),
        item(0x53, &[0, 0, 0, 5]),
        item(0x54, &role),
        item(0x55, b"CT_5"),
        item(0x56, &extended),
        item(0x57, b"as it came"),
        item(0x58, &identity),
        item(0x77, b"unheard of"),
    ]);
    let read = AssociateRq::decode(&bytes).unwrap();
    assert_eq!(read.called.parse().unwrap().as_str(), "PACS");
    assert_eq!(read.calling.parse().unwrap().as_str(), "CT1");
    assert_eq!(read.contexts.len(), 1);
    assert_eq!(read.contexts[0].abstract_syntax, uid("1.2.840.10008.1.1"));
    assert_eq!(read.contexts[0].transfer_syntaxes, [uid("1.2.840.10008.1.2")]);
    assert_eq!(read.user.max_length, 16_384);
    assert_eq!(read.user.async_window, Some((0, 5)));
    assert_eq!(read.user.roles, [Role { sop_class: uid("1.2.840.10008.1.1"), scu: true, scp: false }]);
    assert_eq!(read.user.extended, [(uid("1.2.840.10008.1.1"), Bytes::from_static(&[1, 1, 0]))]);
    assert_eq!(read.user.common_extended, [Bytes::from_static(b"as it came")]);
    assert_eq!(read.user.unknown, [(0x77, Bytes::from_static(b"unheard of"))]);
    let identity = read.user.identity.as_ref().unwrap();
    assert_eq!((identity.kind, identity.positive_response), (2, true));
    assert_eq!((&identity.primary[..], &identity.secondary[..]), (&b"anna"[..], &b"secret"[..]));
    assert_eq!(read.encode(), bytes);
}

#[test]
fn a_secret_is_not_printed() {
    let identity = [&[2, 0, 0, 4][..], b"anna", &[0, 6], b"secret"].concat();
    let read = AssociateRq::decode(&rq(&[item(0x58, &identity)])).unwrap();
    let printed = format!("{:?}", Pdu::AssociateRq(Box::new(read)));
    assert!(printed.contains("[redacted]"), "{printed}");
    for secret in ["anna", "secret", "97, 110", "115, 101"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[test]
fn an_answer_is_read_and_written_byte_for_byte() {
    let bytes = associate(
        2,
        &[
            application(),
            answered(1, 0, Some(b"1.2.840.10008.1.2")),
            answered(3, 3, None),
            user(&[item(0x52, b"1.2.3"), item(0x59, &[0, 2, b'o', b'k'])]),
        ],
    );
    let read = AssociateAc::decode(&bytes).unwrap();
    assert!(read.contexts[0].result.accepted());
    assert_eq!(read.contexts[1].result, ContextResult::AbstractSyntaxNotSupported);
    assert_eq!(read.contexts[1].transfer_syntax, None);
    assert_eq!(read.user.identity_answer, Some(IdentityAnswer(Bytes::from_static(b"ok"))));
    assert_eq!(read.encode(), bytes);
}

#[test]
fn old_archives_answer_with_less() {
    // A rejected context whose transfer syntax is not significant, no 10H, no 50H.
    let read = AssociateAc::decode(&associate(2, &[answered(1, 4, Some(b""))])).unwrap();
    assert_eq!(read.contexts[0].transfer_syntax, None);
    assert_eq!(read.application_context, uid("1.2.840.10008.3.1.1.1"));
    assert_eq!(read.user.max_length, UserItems::UNSAID_MAX_LENGTH);
    // A result that the table does not have is a rejection that passes as it is.
    let read = AssociateAc::decode(&associate(2, &[answered(1, 9, None)])).unwrap();
    assert_eq!((read.contexts[0].result, read.contexts[0].result.byte()), (ContextResult::Other(9), 9));
    // No context at all is legal.
    assert!(AssociateAc::decode(&associate(2, &[application(), user(&[])])).unwrap().contexts.is_empty());
    // But accepted is accepted in some transfer syntax.
    let fault = |context| AssociateAc::decode(&associate(2, &[application(), context, user(&[])])).unwrap_err().kind;
    assert_eq!(fault(answered(1, 0, None)), FaultKind::Missing);
    assert_eq!(fault(answered(1, 0, Some(b""))), FaultKind::Value);
}

#[test]
fn the_small_ones_byte_for_byte() {
    let cases: [(&[u8], Pdu); 4] = [
        (&[3, 0, 0, 0, 0, 4, 0, 2, 3, 1], Pdu::AssociateRj(AssociateRj { result: 2, source: 3, reason: 1 })),
        (&[5, 0, 0, 0, 0, 4, 0, 0, 0, 0], Pdu::ReleaseRq),
        (&[6, 0, 0, 0, 0, 4, 0, 0, 0, 0], Pdu::ReleaseRp),
        (&[7, 0, 0, 0, 0, 4, 0, 0, 2, 6], Pdu::Abort(Abort::provider(Abort::INVALID_VALUE))),
    ];
    for (bytes, pdu) in cases {
        assert_eq!(Pdu::decode(bytes).unwrap(), pdu);
        assert_eq!(pdu.encode(), bytes);
        assert_eq!(Pdu::decode(&bytes[..9]).unwrap_err().kind, FaultKind::Length);
    }
    // Reserved bytes are not tested.
    assert_eq!(Pdu::decode(&[5, 9, 0, 0, 0, 4, 9, 9, 9, 9]).unwrap(), Pdu::ReleaseRq);
}

#[test]
fn what_must_be_there_is_missed() {
    assert_eq!(refused(&associate(1, &[context(1), user(&[])])), MISSING, "no 10H");
    assert_eq!(refused(&associate(1, &[application(), user(&[])])), MISSING, "no 20H");
    assert_eq!(refused(&associate(1, &[application(), context(1)])), MISSING, "no 50H");
    assert_eq!(refused(&associate(1, &[application(), context(1), item(0x50, &[])])), MISSING, "no 51H");
    let no_abstract = item(0x20, &[vec![1, 0, 0, 0], item(0x40, b"1.2")].concat());
    let no_transfer = item(0x20, &[vec![1, 0, 0, 0], item(0x30, b"1.2")].concat());
    for context in [no_abstract, no_transfer] {
        assert_eq!(refused(&associate(1, &[application(), context, user(&[])])), MISSING);
    }
}

#[test]
fn what_may_stand_once_may_not_stand_twice() {
    let twice = |items: &[Vec<u8>]| assert_eq!(refused(&associate(1, items)), TWICE);
    twice(&[application(), application(), context(1), user(&[])]);
    twice(&[application(), context(1), user(&[]), user(&[])]);
    twice(&[application(), context(1), context(3), context(1), user(&[])]);
    let abstracts = [vec![1, 0, 0, 0], item(0x30, b"1.2"), item(0x30, b"1.2"), item(0x40, b"1.2")].concat();
    twice(&[application(), item(0x20, &abstracts), user(&[])]);
    let identity = item(0x58, &[1, 0, 0, 1, b'a', 0, 0]);
    for sub in [max_length(), item(0x52, b"1.2"), item(0x53, &[0; 4]), item(0x55, b"V"), identity] {
        assert_eq!(refused(&rq(&[sub.clone(), sub])), TWICE);
    }
}

#[test]
fn context_ids_are_odd() {
    for id in [0, 2, 254] {
        assert_eq!(refused(&associate(1, &[application(), context(id), user(&[])])), VALUE);
    }
    let all: Vec<_> = (0..128_u8).map(|half| context(2 * half + 1)).collect();
    let bytes = associate(1, &[vec![application()], all, vec![user(&[])]].concat());
    assert_eq!(AssociateRq::decode(&bytes).unwrap().contexts.len(), 128);
}

#[test]
fn nothing_runs_over_what_it_stands_in() {
    let whole = rq(&[item(0x52, b"1.2.3.4"), item(0x54, &[&[0, 3][..], b"1.2", &[1, 0]].concat())]);
    // Cut anywhere, with a length that admits it: never an association, never a panic.
    for cut in 6..whole.len() {
        let mut bytes = whole[..cut].to_vec();
        bytes[2..6].copy_from_slice(&u32::try_from(cut - 6).unwrap().to_be_bytes());
        assert!(AssociateRq::decode(&bytes).is_err(), "cut at {cut}");
    }
    // A length of the PDU that is not the PDU's.
    assert_eq!(refused(&whole[..whole.len() - 1]), LENGTH);
    // An item, a sub-item, a sub-sub-item one byte too long.
    let mut bytes = rq(&[]);
    bytes[74 + 3] += 1;
    assert!(AssociateRq::decode(&bytes).is_err());
    let long_context = item(0x20, &[&[1, 0, 0, 0][..], &[0x30, 0, 0, 4], b"1.2"].concat());
    assert_eq!(refused(&associate(1, &[application(), long_context, user(&[])])), LENGTH);
    let short_context = item(0x20, &[1, 0, 0]);
    assert_eq!(refused(&associate(1, &[application(), short_context, user(&[])])), LENGTH);
}

#[test]
fn user_items_of_wrong_form() {
    let cases: [(Vec<u8>, (FaultKind, u8)); 13] = [
        (item(0x53, &[0; 3]), LENGTH),
        (item(0x54, &[0, 9, b'1']), LENGTH),
        (item(0x54, b"\0\x031.2\x01"), LENGTH),
        (item(0x54, b"\0\x031.2\x01\0\0"), LENGTH),
        (item(0x54, b"\0\x031.2\x02\0"), VALUE),
        (item(0x54, b"\0\x031/2\x01\0"), VALUE),
        (item(0x55, &[b'V'; 65]), LIMIT),
        (item(0x56, &[0]), LENGTH),
        (item(0x58, &[1, 0, 0, 9, b'a', 0, 0]), LENGTH),
        (item(0x58, &[1, 0, 0, 1, b'a']), LENGTH),
        (item(0x58, &[1, 0, 0, 1, b'a', 0, 0, 0]), LENGTH),
        (item(0x58, &[1, 2, 0, 1, b'a', 0, 0]), VALUE),
        (item(0x59, &[0, 0]), TWICE),
    ];
    for (sub, expected) in cases {
        assert_eq!(refused(&rq(std::slice::from_ref(&sub))), expected, "{sub:?}");
    }
    let short = associate(1, &[application(), context(1), item(0x50, &item(0x51, &[0; 3]))]);
    assert_eq!(refused(&short), LENGTH);
}

#[test]
fn a_role_may_be_said_again_but_not_otherwise() {
    let role = |scp| item(0x54, &[&b"\0\x031.2"[..], &[1, scp]].concat());
    assert_eq!(AssociateRq::decode(&rq(&[role(1), role(1)])).unwrap().user.roles.len(), 1);
    assert_eq!(refused(&rq(&[role(1), role(0)])), TWICE);
    let extended = |bit| item(0x56, &[&b"\0\x031.2"[..], &[bit]].concat());
    assert_eq!(AssociateRq::decode(&rq(&[extended(1), extended(1)])).unwrap().user.extended.len(), 1);
    assert_eq!(refused(&rq(&[extended(1), extended(0)])), TWICE);
}

#[test]
fn every_list_has_an_end() {
    let many = |count: usize| [vec![1, 0, 0, 0], item(0x30, b"1.2"), item(0x40, b"1.2").repeat(count)].concat();
    let with = |context: Vec<u8>| associate(1, &[application(), item(0x20, &context), user(&[])]);
    assert!(AssociateRq::decode(&with(many(limits::TRANSFER_SYNTAXES))).is_ok());
    assert_eq!(refused(&with(many(limits::TRANSFER_SYNTAXES + 1))), LIMIT);

    let unknown = item(0x77, b"");
    assert!(AssociateRq::decode(&rq(&vec![unknown.clone(); limits::USER_ITEMS - 1])).is_ok());
    assert_eq!(refused(&rq(&vec![unknown.clone(); limits::USER_ITEMS])), LIMIT);

    let skipped = |count| associate(1, &[rq_items(), vec![unknown.clone(); count]].concat());
    assert!(AssociateRq::decode(&skipped(limits::SKIPPED_ITEMS)).is_ok());
    assert_eq!(refused(&skipped(limits::SKIPPED_ITEMS + 1)), LIMIT);
}

fn rq_items() -> Vec<Vec<u8>> {
    vec![application(), context(1), user(&[])]
}

#[test]
fn devices_pad_uids() {
    for padded in [&b"1.2.840.10008.1.1\0"[..], b"1.2.840.10008.1.1 "] {
        let context = item(0x20, &[vec![1, 0, 0, 0], item(0x30, padded), item(0x40, b"1.2.840.10008.1.2\0")].concat());
        let read = AssociateRq::decode(&associate(1, &[application(), context, user(&[])])).unwrap();
        assert_eq!(read.contexts[0].abstract_syntax, uid("1.2.840.10008.1.1"));
    }
    for odd in [&b""[..], b"ACME-7", b"1.2..3"] {
        assert_eq!(AssociateRq::decode(&rq(&[item(0x52, odd)])).unwrap().user.implementation_class, None);
    }
}

#[test]
fn titles_are_kept_raw_and_checked_when_asked() {
    let mut bytes = rq(&[]);
    bytes[10..14].copy_from_slice(b"A\0\\b");
    let read = AssociateRq::decode(&bytes).unwrap();
    assert!(read.called.parse().is_err());
    assert_eq!(read.encode(), bytes);
    assert!(!format!("{:?}", read.called).contains('\0'));
}

#[test]
fn a_length_that_does_not_fit_is_never_written() {
    let mut read = AssociateRq::decode(&rq(&[])).unwrap();
    read.user.unknown = vec![(0x77, Bytes::from(vec![7; 40_000])); 2];
    read.user.unknown.push((0x78, Bytes::from(vec![8; 70_000])));
    let again = AssociateRq::decode(&read.encode()).unwrap();
    assert_eq!(again.user.unknown.len(), 1);
    assert_eq!(again.user.max_length, read.user.max_length);
}

#[test]
fn a_message_is_cut_to_the_receivers_length() {
    let command = [1; 20];
    let data: Vec<u8> = (0..100).collect();
    let bytes = pdata::write_message(5, &command, Some(&data), 39);
    // 39 leaves room for 33 bytes: 32, since fragments are even. Twenty bytes of command fit one PDU.
    assert_eq!(bytes[..12], [4, 0, 0, 0, 0, 26, 0, 0, 0, 22, 5, 3]);
    assert_eq!(bytes[32..44], [4, 0, 0, 0, 0, 38, 0, 0, 0, 34, 5, 0]);
    assert_eq!(bytes.len(), 32 + 3 * (12 + 32) + 12 + 4);
    assert_eq!(bytes[32 + 3 * 44..][..12], [4, 0, 0, 0, 0, 10, 0, 0, 0, 6, 5, 2]);
    assert_eq!(pdata::write_message(1, &command, None, 0).len(), 32);
    assert_eq!(pdata::write_message(1, &[], Some(&[]), 16_384).len(), 24);
    // No room at all: the smallest that goes on at all.
    assert_eq!(pdata::write_message(1, &[1, 2, 3, 4], None, 1).len(), 2 * 14);
    assert_eq!(pdata::header(1, true, true, usize::MAX), None);
}

fn uids() -> impl Strategy<Value = Uid> {
    prop::collection::vec(0_u32..1_000_000, 1..9)
        .prop_map(|parts| uid(&parts.iter().map(u32::to_string).collect::<Vec<_>>().join(".")))
}

fn octets(max: usize) -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..max).prop_map(Bytes::from)
}

fn user_items(requestor: bool) -> impl Strategy<Value = UserItems> {
    let identity = (any::<u8>(), any::<bool>(), octets(40), octets(40)).prop_map(|(kind, positive_response, a, b)| {
        UserIdentity { kind, positive_response, primary: a.to_vec(), secondary: b.to_vec() }
    });
    let first = (
        any::<u32>(),
        prop::option::of(uids()),
        prop::option::of(octets(20).prop_map(|name| VersionName::new(&name).unwrap())),
        prop::option::of(any::<(u16, u16)>()),
    );
    let second = (
        prop::collection::btree_map(uids(), any::<(bool, bool)>(), 0..5),
        prop::collection::btree_map(uids(), octets(9), 0..5),
        prop::collection::vec(octets(30), 0..3),
        prop::option::of(identity),
        prop::option::of(octets(30)),
        (prop::collection::vec((0x5a_u8..=0xff, octets(30)), 0..4), prop::option::of("[A-Za-z0-9._-]{1,32}")),
    );
    (first, second).prop_map(move |((max_length, class, version, window), rest)| {
        let (roles, extended, common_extended, identity, answer, (unknown, gateway)) = rest;
        let chain = gateway.and_then(|gateway| ChainItem::new("7K3F-9QX2", &gateway));
        UserItems {
            max_length,
            implementation_class: class,
            implementation_version: version,
            async_window: window,
            roles: roles.into_iter().map(|(sop_class, (scu, scp))| Role { sop_class, scu, scp }).collect(),
            extended: extended.into_iter().collect(),
            common_extended,
            identity: identity.filter(|_| requestor),
            identity_answer: answer.map(IdentityAnswer).filter(|_| !requestor),
            chain: chain.filter(|_| requestor),
            unknown,
        }
    })
}

fn requests() -> impl Strategy<Value = AssociateRq> {
    let contexts = prop::collection::btree_map(0_u8..128, (uids(), prop::collection::vec(uids(), 1..4)), 1..9);
    (any::<u16>(), any::<[u8; 16]>(), any::<[u8; 16]>(), any::<[u8; 32]>(), uids(), contexts, user_items(true))
        .prop_map(|(protocol_version, called, calling, reserved, application_context, contexts, user)| AssociateRq {
            protocol_version,
            called: RawTitle(called),
            calling: RawTitle(calling),
            reserved,
            application_context,
            contexts: contexts
                .into_iter()
                .map(|(half, (abstract_syntax, transfer_syntaxes))| ProposedContext {
                    id: 2 * half + 1,
                    abstract_syntax,
                    transfer_syntaxes,
                })
                .collect(),
            user,
        })
}

fn answers() -> impl Strategy<Value = AssociateAc> {
    let contexts = prop::collection::btree_map(0_u8..128, (any::<u8>(), prop::option::of(uids()), uids()), 0..9);
    (any::<[u8; 16]>(), any::<[u8; 32]>(), uids(), contexts, user_items(false)).prop_map(
        |(title, reserved, application_context, contexts, user)| AssociateAc {
            protocol_version: 1,
            called: RawTitle(title),
            calling: RawTitle(title),
            reserved,
            application_context,
            contexts: contexts
                .into_iter()
                .map(|(half, (result, syntax, accepted))| AnsweredContext {
                    id: 2 * half + 1,
                    result: ContextResult::from_byte(result),
                    transfer_syntax: if result == 0 { Some(accepted) } else { syntax },
                })
                .collect(),
            user,
        },
    )
}

/// The user items of a request or an answer with such sub-items in it.
fn with_items(requestor: bool, items: &[(u8, &[u8])]) -> UserItems {
    let unknown = items.iter().map(|(kind, value)| (*kind, Bytes::copy_from_slice(value))).collect();
    let user = UserItems { max_length: 16_384, unknown, ..UserItems::default() };
    let mut value = Vec::new();
    user.encode(&mut value);
    let item = Item { kind: 0x50, value: &value[4..], at: 0 };
    UserItems::decode(&item, if requestor { Side::Requestor } else { Side::Acceptor }).unwrap()
}

#[test]
fn the_word_of_a_gateway_before_this_one_stands_alone_and_goes_no_further() {
    let (ours, other): (&[u8], &[u8]) = (b"dicomgate/1 7K3F-9QX2 edge-ct1", b"dicomgate/1 0000-0000 other");
    let read = with_items(true, &[(0xd6, ours), (0xd7, b"x")]);
    assert_eq!(read.chain, ChainItem::new("7K3F-9QX2", "edge-ct1"));
    assert_eq!(read.unknown, [(0xd7, Bytes::from_static(b"x"))]);
    // Malformed, contradicted, or from whoever was asked: it says nothing, and is passed on to nobody either.
    for (requestor, items) in [
        (true, &[(0xd6, b"dicomgate/9 what".as_slice())][..]),
        (true, &[(0xd6, ours), (0xd6, other)]),
        (true, &[(0xd6, ours), (0xd6, ours), (0xd6, ours)]),
        (true, &[(0xd6, b"dicomgate/"), (0xd6, ours)]),
        (false, &[(0xd6, ours)]),
    ] {
        let read = with_items(requestor, items);
        assert_eq!((read.chain, read.unknown), (None, Vec::new()), "{items:?}");
    }
    // Somebody else's item of the same number passes as it ever did.
    let others = with_items(true, &[(0xd6, b"DICOMGATE/1 7K3F-9QX2 edge-ct1"), (0xd5, ours)]);
    assert_eq!((others.chain, others.unknown.len()), (None, 2));
}

proptest! {
    #[test]
    fn a_request_survives_the_wire(rq in requests()) {
        prop_assert_eq!(Pdu::decode(&rq.encode()), Ok(Pdu::AssociateRq(Box::new(rq))));
    }

    #[test]
    fn an_answer_survives_the_wire(ac in answers()) {
        prop_assert_eq!(Pdu::decode(&ac.encode()), Ok(Pdu::AssociateAc(Box::new(ac))));
    }

    #[test]
    fn a_damaged_request_is_read_or_refused(rq in requests(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = rq.encode();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(pdu) = Pdu::decode(&bytes) {
            // What was read says the same when written and read again.
            prop_assert_eq!(Pdu::decode(&pdu.encode()), Ok(pdu));
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Pdu::decode(&bytes);
        for kind in 1..=7 {
            let mut framed = vec![kind, 0];
            framed.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_be_bytes());
            framed.extend_from_slice(&bytes);
            let _ = Pdu::decode(&framed);
        }
    }
}

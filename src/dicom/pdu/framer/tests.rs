//! The framer: every split gives the same, nothing hostile gets far, nothing is copied or kept.

use super::super::{Abort, AssociateRj, pdata, release};
use super::*;
use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};

/// What a stream says, whatever its slices: PDVs whole, control PDUs, where each PDU ends, how it went wrong.
#[derive(Debug, Clone, PartialEq)]
enum Said {
    Pdv { context: u8, command: bool, last: bool, payload: Vec<u8> },
    Control(Pdu),
    End(usize),
    Fault(PduFault),
}

/// Feeds slices of the given sizes (the rest as one) and puts the pieces together again.
fn listen(framer: &mut Framer, stream: &[u8], cuts: &[usize]) -> Vec<Said> {
    let mut said = Vec::new();
    let mut open: Option<Said> = None;
    let mut before = 0;
    for &cut in cuts.iter().chain([&stream.len()]) {
        let slice = &stream[before..cut.clamp(before, stream.len())];
        framer.feed(Bytes::copy_from_slice(slice));
        loop {
            match framer.next() {
                Ok(None) => break,
                Ok(Some(Event::Control { pdu, end })) => said.extend([Said::Control(pdu), Said::End(before + end)]),
                Ok(Some(Event::PDataEnd { end })) => said.push(Said::End(before + end)),
                Ok(Some(Event::Fragment(piece))) => {
                    let Fragment { context, command, last, begins, ends, bytes } = piece;
                    assert_eq!(begins, open.is_none());
                    let pdv = open.get_or_insert(Said::Pdv { context, command, last, payload: Vec::new() });
                    let Said::Pdv { payload, .. } = pdv else { panic!("only PDVs are open") };
                    payload.extend_from_slice(&bytes);
                    if ends {
                        said.extend(open.take());
                    }
                }
                Err(fault) => {
                    said.push(Said::Fault(fault));
                    return said;
                }
            }
        }
        before += slice.len();
    }
    said
}

fn hear(stream: &[u8], cuts: &[usize]) -> Vec<Said> {
    listen(&mut Framer::new(FramerLimits::default()), stream, cuts)
}

/// The only thing that comes of a stream that is wrong from its start.
fn fault(stream: &[u8]) -> PduFault {
    let Some(Said::Fault(fault)) = hear(stream, &[]).pop() else { panic!("{stream:?} was taken") };
    let bytewise: Vec<_> = (0..stream.len()).collect();
    assert_eq!(hear(stream, &bytewise).pop(), Some(Said::Fault(fault)), "byte by byte");
    fault
}

fn pdu(pdvs: &[Vec<u8>]) -> Vec<u8> {
    let body = pdvs.concat();
    [&[4, 0][..], &u32::try_from(body.len()).unwrap().to_be_bytes(), &body].concat()
}

fn pdv(context: u8, control: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len() + 2).unwrap();
    [&length.to_be_bytes()[..], &[context, control], payload].concat()
}

#[test]
fn every_split_of_a_stream_gives_the_same() {
    let stream = [
        pdata::write_message(1, &[7; 50], Some(&[9; 90]), 46),
        pdu(&[pdv(3, 3, &[1; 8]), pdv(3, 0, &[2; 4]), pdv(3, 2, &[])]),
        release::RQ.to_vec(),
        AssociateRj { result: 1, source: 1, reason: 1 }.encode(),
        Abort::user().encode(),
    ]
    .concat();
    let whole = hear(&stream, &[]);
    assert_eq!(whole.last(), Some(&Said::End(stream.len())));
    assert_eq!(whole.iter().filter(|said| matches!(said, Said::Pdv { .. })).count(), 2 + 3 + 3);
    for cut in 0..=stream.len() {
        assert_eq!(hear(&stream, &[cut]), whole, "cut at {cut}");
    }
    let bytewise: Vec<_> = (0..stream.len()).collect();
    assert_eq!(hear(&stream, &bytewise), whole);
    for step in 2..20 {
        let cuts: Vec<_> = (0..stream.len()).step_by(step).collect();
        assert_eq!(hear(&stream, &cuts), whole, "slices of {step}");
    }
}

#[test]
fn p_data_is_sliced_not_copied() {
    let input = Bytes::from(pdu(&[pdv(1, 2, &[5; 100])]));
    let mut framer = Framer::new(FramerLimits::default());
    framer.feed(input.slice(..60));
    let Ok(Some(Event::Fragment(first))) = framer.next() else { panic!() };
    assert_eq!(first.bytes.as_ptr(), input[12..].as_ptr());
    assert_eq!((first.bytes.len(), first.begins, first.ends), (48, true, false));
    assert_eq!(framer.next(), Ok(None));
    assert!(framer.mid_pdu());
    framer.feed(input.slice(60..));
    let Ok(Some(Event::Fragment(second))) = framer.next() else { panic!() };
    assert_eq!(second.bytes.as_ptr(), input[60..].as_ptr());
    assert_eq!((second.bytes.len(), second.begins, second.ends), (52, false, true));
    assert_eq!(framer.next(), Ok(Some(Event::PDataEnd { end: 52 })));
    assert_eq!(framer.next(), Ok(None));
    assert!(!framer.mid_pdu());
    drop((first, second));
    // Drained: nothing of the input is held any more.
    assert!(input.is_unique());
}

#[test]
fn a_slice_that_ends_with_a_head_gives_no_empty_piece() {
    let stream = pdu(&[pdv(1, 3, &[1, 2])]);
    let mut framer = Framer::new(FramerLimits::default());
    framer.feed(Bytes::copy_from_slice(&stream[..12]));
    assert_eq!(framer.next(), Ok(None));
    framer.feed(Bytes::copy_from_slice(&stream[12..]));
    let Ok(Some(Event::Fragment(piece))) = framer.next() else { panic!() };
    assert!(piece.begins && piece.ends && piece.command && piece.last);
    assert_eq!(piece.bytes, [1, 2][..]);
}

#[test]
fn an_empty_fragment_is_seen_for_its_flags() {
    let said = hear(&pdu(&[pdv(1, 2, &[])]), &[]);
    assert_eq!(said[0], Said::Pdv { context: 1, command: false, last: true, payload: vec![] });
}

#[test]
fn feeding_before_draining_loses_nothing() {
    let stream = pdu(&[pdv(1, 2, &[1, 2, 3, 4])]);
    let mut framer = Framer::new(FramerLimits::default());
    framer.feed(Bytes::copy_from_slice(&stream[..14]));
    framer.feed(Bytes::copy_from_slice(&stream[14..]));
    let Ok(Some(Event::Fragment(piece))) = framer.next() else { panic!() };
    assert_eq!(piece.bytes, [1, 2, 3, 4][..]);
    assert_eq!(framer.next(), Ok(Some(Event::PDataEnd { end: 2 })));
}

#[test]
fn an_http_request_is_known_by_its_first_byte() {
    let fault = fault(b"GET / HTTP/1.1\r\nHost: pacs\r\n\r\n");
    assert_eq!(fault.abort(), Abort { source: 2, reason: 1 });
    let mut framer = Framer::new(FramerLimits::default());
    framer.feed(Bytes::from_static(b"G"));
    assert_eq!(framer.next(), Err(fault));
    // And stays known.
    framer.feed(Bytes::from_static(&release::RQ));
    assert_eq!(framer.next(), Err(fault));
}

#[test]
fn types_that_do_not_exist_are_unrecognized() {
    for kind in (8..=255).chain([0]) {
        assert_eq!(fault(&[kind, 0, 0, 0, 0, 4, 0, 0, 0, 0]).abort(), Abort { source: 2, reason: 1 });
    }
}

#[test]
fn twenty_bytes_that_announce_four_gigabytes() {
    for kind in 1..=7 {
        let mut bytes = vec![0; 20];
        bytes[0] = kind;
        bytes[2..6].fill(0xff);
        let mut framer = Framer::new(FramerLimits::default());
        framer.feed(bytes.into());
        assert!(framer.next().is_err());
        assert_eq!(framer.control.capacity(), 0);
    }
    let pdv = [4, 0, 0, 0, 0, 100, 0xff, 0xff, 0xff, 0xff, 1, 0];
    assert_eq!(fault(&pdv).abort(), Abort { source: 2, reason: 6 });
}

#[test]
fn an_association_pdu_is_kept_as_it_comes_not_as_it_is_announced() {
    let mut framer = Framer::new(FramerLimits::default());
    framer.feed(Bytes::from_static(&[1, 0, 0, 0x0f, 0xff, 0xff, 0, 1, 0, 0]));
    assert_eq!(framer.next(), Ok(None));
    assert!(framer.mid_pdu() && framer.control.capacity() <= 512);
    assert_eq!(fault(&[1, 0, 0, 0x10, 0, 1]).kind, FaultKind::Limit);
    assert_eq!(fault(&[2, 0, 0, 0, 0, 67]).kind, FaultKind::Length);
}

#[test]
fn fixed_pdus_have_four_bytes() {
    for kind in [3, 5, 6, 7] {
        for length in [0, 3, 5, 255] {
            let wrong = fault(&[kind, 0, 0, 0, 0, length]);
            assert_eq!((wrong.kind, wrong.abort()), (FaultKind::Length, Abort { source: 2, reason: 6 }));
        }
    }
}

#[test]
fn p_data_of_wrong_form() {
    let invalid = Abort { source: 2, reason: 6 };
    let cases: [(&str, Vec<u8>, u32); 9] = [
        ("no PDV", pdu(&[]), 2),
        ("no room for a PDV", pdu(&[vec![0, 0, 0]]), 2),
        ("PDV length 0", pdu(&[vec![0, 0, 0, 0, 1, 3]]), 6),
        ("PDV length 1", pdu(&[vec![0, 0, 0, 1, 1, 3]]), 6),
        ("PDV runs over", pdu(&[vec![0, 0, 0, 3, 1, 3]]), 6),
        ("second PDV runs over", pdu(&[pdv(1, 3, &[1, 2]), vec![0, 0, 0, 5, 1, 2, 1, 2]]), 14),
        ("bytes behind", pdu(&[pdv(1, 3, &[1, 2]), vec![0, 0, 0]]), 6),
        ("odd, not last", pdu(&[pdv(1, 0, &[1, 2, 3])]), 6),
        ("odd command, not last", pdu(&[pdv(1, 1, &[1, 2, 3])]), 6),
    ];
    for (name, bytes, offset) in cases {
        let wrong = fault(&bytes);
        assert_eq!((wrong.abort(), wrong.offset), (invalid, offset), "{name}");
    }
    assert!(matches!(hear(&pdu(&[pdv(1, 2, &[1, 2, 3])]), &[])[0], Said::Pdv { .. }), "odd and last");
    let mut tolerant = Framer::new(FramerLimits { odd_fragments: true, ..FramerLimits::default() });
    assert!(matches!(listen(&mut tolerant, &pdu(&[pdv(1, 0, &[1, 2, 3])]), &[])[0], Said::Pdv { .. }));
}

#[test]
fn p_data_is_no_longer_than_announced() {
    let mut framer = Framer::new(FramerLimits { pdata: 100, ..FramerLimits::default() });
    let exact = pdu(&[pdv(1, 0, &[0; 94])]);
    let over = pdu(&[pdv(1, 0, &[0; 95])]);
    assert_eq!(listen(&mut framer, &exact, &[]).len(), 2);
    let Some(Said::Fault(wrong)) = listen(&mut framer, &over, &[]).pop() else { panic!() };
    assert_eq!(wrong.abort(), Abort { source: 2, reason: 6 });

    let mut framer = Framer::new(FramerLimits { pdata: 0, ..FramerLimits::default() });
    framer.set_max_pdata(200);
    assert_eq!(listen(&mut framer, &exact, &[]).len(), 2);
}

#[test]
fn empty_pdvs_have_an_end() {
    let limits = FramerLimits::default();
    let most = limits.pdvs as usize;
    assert_eq!(hear(&pdu(&vec![pdv(1, 0, &[]); most]), &[]).len(), most + 1);
    assert_eq!(fault(&pdu(&vec![pdv(1, 0, &[]); most + 1])).kind, FaultKind::Limit);
}

fn streams() -> impl Strategy<Value = Vec<u8>> {
    let message = (any::<u8>(), prop::collection::vec(any::<u8>(), 0..200), 8_u32..100)
        .prop_map(|(context, data, max)| pdata::write_message(context, &data, Some(&data), max));
    let control = prop_oneof![
        Just(release::RQ.to_vec()),
        Just(release::RP.to_vec()),
        any::<(u8, u8)>().prop_map(|(source, reason)| Abort { source, reason }.encode()),
    ];
    prop::collection::vec(prop_oneof![message, control], 0..6).prop_map(|pdus| pdus.concat())
}

proptest! {
    #[test]
    fn any_slicing_of_any_stream_gives_the_same(
        stream in streams(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..9),
    ) {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.sort_unstable();
        let whole = hear(&stream, &[]);
        prop_assert!(!whole.iter().any(|said| matches!(said, Said::Fault(_))));
        prop_assert_eq!(hear(&stream, &cuts), whole);
    }

    #[test]
    fn a_damaged_stream_never_panics_and_splits_alike(
        mut stream in streams(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        if !stream.is_empty() {
            let at = at.index(stream.len());
            stream[at] = byte;
        }
        let cut = cut.index(stream.len() + 1);
        prop_assert_eq!(hear(&stream, &[cut]), hear(&stream, &[]));
    }

    #[test]
    fn random_bytes_never_panic(stream in prop::collection::vec(any::<u8>(), 0..200), kind in 1_u8..8) {
        let _ = hear(&stream, &[stream.len() / 2]);
        let _ = hear(&[&[kind, 0, 0, 0, 0][..], &stream].concat(), &[]);
    }
}

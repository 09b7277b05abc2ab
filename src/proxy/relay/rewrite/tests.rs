use super::cutter::room;
use super::drive::Step;
use super::*;
use crate::dicom::Tag;
use crate::dicom::dataset::write::DataSet as Written;
use crate::dicom::pdu::{Event, Framer, FramerLimits, pdata};
use crate::dicom::transfer_syntax::Encoding;
use crate::spool::SpoolOptions;
use bytes::Bytes;
use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, proptest};

const NAME: Tag = Tag(0x0010, 0x0010);

/// What goes out for these pieces, as whole PDUs.
fn rewritten(pieces: &[&[u8]], longest: u32, hidden: &[Tag]) -> Vec<Bytes> {
    let hide = Hide::new(Encoding::ExplicitLe, hidden).unwrap();
    let mut rewrite = Rewrite::new(Transform::Hide(Box::new(hide)), spools());
    rewrite.begin(5, &command(), longest);
    let mut out = Vec::new();
    let mut forward = |bytes: Bytes| out.extend_from_slice(&bytes);
    for piece in pieces {
        rewrite.push(&Bytes::copy_from_slice(piece)).unwrap();
        assert!(matches!(rewrite.drive(false, &mut forward).unwrap(), Step::Idle));
        assert!(rewrite.cutter.as_ref().unwrap().waiting() <= room(longest), "more than one PDU waits");
    }
    rewrite.finish().unwrap();
    assert!(matches!(rewrite.drive(false, &mut forward).unwrap(), Step::Over));
    let mut pdus = whole_pdus(&out);
    let head = pdata::write_message(5, &command().encode(), None, longest);
    let heads = whole_pdus(&head);
    let data = pdus.split_off(heads.len());
    assert_eq!(pdus, heads, "the command goes first");
    data
}

fn command() -> Command {
    Command::find_rq(1, &"1.2.840.10008.5.1.4.1.2.2.1".parse().unwrap())
}

fn spools() -> Arc<Spools> {
    Spools::new(SpoolOptions { folder: "nowhere".into(), memory: 0, memory_all: 0, disk: 0 })
}

/// A stream cut where each PDU says that it ends.
fn whole_pdus(mut stream: &[u8]) -> Vec<Bytes> {
    let mut pdus = Vec::new();
    while !stream.is_empty() {
        let length = 6 + u32::from_be_bytes(stream[2..6].try_into().unwrap()) as usize;
        let (pdu, rest) = stream.split_at(length);
        pdus.push(Bytes::copy_from_slice(pdu));
        stream = rest;
    }
    pdus
}

/// The data set in them; every fragment but the last is full and even, and only the last says that it is.
fn data_set(pdus: &[Bytes], longest: u32) -> Vec<u8> {
    let mut framer = Framer::new(FramerLimits { pdata: longest, ..FramerLimits::default() });
    let (mut all, mut over) = (Vec::new(), false);
    for pdu in pdus {
        framer.feed(pdu.clone());
        while let Some(event) = framer.next().unwrap() {
            if let Event::Fragment(fragment) = event {
                assert!(!over && !fragment.command && fragment.context == 5);
                over = fragment.last;
                assert!(over || fragment.bytes.len().is_multiple_of(2));
                all.extend_from_slice(&fragment.bytes);
            }
        }
        assert!(!framer.mid_pdu());
    }
    assert!(over, "the last fragment says so");
    all
}

fn object(pixels: usize, hidden: bool) -> Vec<u8> {
    let set = Written::new().with(Tag(0x0008, 0x0060), b"CS", "CT").with(Tag(0x7fe0, 0x0010), b"OW", vec![7; pixels]);
    set.with(NAME, b"PN", if hidden { "" } else { "Doe^Jane" }).encode(Encoding::ExplicitLe)
}

#[test]
fn everything_else_goes_on_byte_for_byte() {
    for longest in [16, 64, 4096, 0] {
        let whole = object(10_000, false);
        let pdus = rewritten(&[&whole], longest, &[NAME]);
        assert_eq!(data_set(&pdus, if longest == 0 { 65_536 } else { longest }), object(10_000, true));
    }
}

#[test]
fn an_empty_data_set_still_ends() {
    let pdus = rewritten(&[], 64, &[NAME]);
    assert_eq!(pdus.len(), 1);
    assert_eq!(data_set(&pdus, 64), b"");
}

fn cuts() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..12)
}

proptest! {
    #[test]
    fn wherever_it_is_cut(cuts in cuts(), pixels in 0_usize..3000, longest in 8_u32..600) {
        let whole = object(pixels, false);
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(whole.len() + 1)).collect();
        places.sort_unstable();
        let (mut pieces, mut from) = (Vec::new(), 0);
        for place in places {
            pieces.push(&whole[from..place]);
            from = place;
        }
        pieces.push(&whole[from..]);
        let pdus = rewritten(&pieces, longest, &[NAME]);
        prop_assert!(pdus.iter().all(|pdu| pdu.len() <= longest as usize + 6));
        prop_assert_eq!(data_set(&pdus, longest), object(pixels, true));
    }
}

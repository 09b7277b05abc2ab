use super::*;
use crate::dicom::Tag;
use crate::dicom::dataset::write::DataSet as Written;
use crate::dicom::pdu::{Event, Framer, FramerLimits};
use crate::dicom::transfer_syntax::Encoding;
use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, proptest};

const NAME: Tag = Tag(0x0010, 0x0010);

/// What goes out for these pieces, as whole PDUs.
fn rewritten(pieces: &[&[u8]], longest: u32, hidden: &[Tag]) -> Vec<Bytes> {
    let hide = Hide::new(Encoding::ExplicitLe, hidden).unwrap();
    let mut rewrite = Rewrite::new(5, longest, Transform::Hide(Box::new(hide)));
    let mut pdus = Vec::new();
    let mut forward = |pdu: Bytes| pdus.push(pdu);
    for piece in pieces {
        rewrite.push(piece, &mut forward).unwrap();
        assert!(rewrite.out.len() <= room(longest) + 64, "more than one PDU waits");
    }
    rewrite.finish(&mut forward).unwrap();
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

//! What tests ask of what came out.

use super::made::{E, V, ring, syntax, uid};
use crate::dicom::Tag;
use crate::dicom::dataset::part10::Part10;
use crate::dicom::dataset::{WalkLimits, Walker};
use crate::dicom::dimse::Tolerances;
use crate::dicom::transfer_syntax::Encoding;
use crate::transform::flow::{Flow, Line};
use crate::transform::open::{As, Finished, Found, Open, OpenFault, OpenOptions, OpenOrder};
use crate::transform::scan::{Part, Scanner};
use crate::vault::Unlock;
use std::collections::{BTreeMap, HashSet};

/// Top-level elements by tag, headers included.
pub fn elements(bytes: &[u8], encoding: Encoding) -> BTreeMap<Tag, Vec<u8>> {
    let mut scanner = Scanner::new(encoding, 64);
    let (mut rest, mut found) = (bytes, BTreeMap::new());
    let (mut begin, mut tag) = (0, None);
    loop {
        let open = scanner.open();
        let part = scanner.next(&mut rest).unwrap();
        let over = matches!(part, Some(Part::Bytes(_, true) | Part::End(_))) && scanner.open() == 0;
        match part {
            Some(Part::Element(head, _)) if open == 0 => tag = Some(head.raw.tag),
            Some(_) => {}
            None => break,
        }
        if over {
            let end = bytes.len() - rest.len();
            assert!(found.insert(tag.unwrap(), bytes[begin..end].to_vec()).is_none());
            begin = end;
        }
    }
    scanner.finish().unwrap();
    found
}

/// A valid data set by the strictest rules.
pub fn walk(bytes: &[u8], encoding: Encoding) {
    let mut walker = Walker::new(encoding, WalkLimits::default(), Tolerances::STRICT);
    walker.push(bytes, &mut ()).unwrap();
    walker.finish().unwrap();
}

/// Somebody else's reader takes it too.
pub fn parse(bytes: &[u8], encoding: Encoding, class: &str) -> dicom_object::InMemDicomObject {
    let (class, instance) = (uid(class), uid(super::made::INSTANCE));
    let file = Part10 { sop_class: class, sop_instance: instance, transfer_syntax: syntax(encoding), data_set: bytes };
    dicom_object::from_reader(&file.join(&uid("1.2.3"))[..]).unwrap().into_inner()
}

/// Opens what was sealed.
pub fn open(bytes: &[u8], from: Encoding, class: &str) -> Result<Vec<u8>, OpenFault> {
    let order = OpenOrder {
        unlock: Unlock::Ring(ring()),
        from,
        sop_class: uid(class),
        sop_instance: uid(super::made::INSTANCE),
        options: OpenOptions::default(),
    };
    let mut open = Open::new(order);
    let mut flow = Flow::default();
    let mut decided = false;
    let decide = |open: &mut Open| match open.found() {
        Some(Found::Sealed(_)) => open.deliver(As::Own),
        Some(Found::Plain) => panic!("no seal is found"),
        None => Ok(()),
    };
    for piece in bytes.chunks(50_000) {
        open.push(piece, &mut flow)?;
        if !decided && open.found().is_some() {
            decide(&mut open)?;
            decided = true;
        }
    }
    let mut finished = open.finish(&mut flow)?;
    if finished == Finished::Undecided {
        decide(&mut open)?;
        finished = open.finish(&mut flow)?;
    }
    assert!(matches!(finished, Finished::Opened(_)), "{finished:?}");
    Ok(Line::default().take(&mut flow).concat())
}

/// No 64 bytes of one of these values are in there, but for those that say little. Whoever shows 64 bytes shows one of the
/// blocks of 32 that begin at multiples of 32.
pub fn hides(bytes: &[u8], values: &[Vec<u8>]) {
    let telling = |block: &&[u8]| block.iter().collect::<HashSet<_>>().len() >= 8;
    let blocks: HashSet<&[u8]> = values.iter().flat_map(|value| value.chunks_exact(32)).filter(telling).collect();
    let begins: HashSet<u64> = blocks.iter().map(|block| u64::from_le_bytes(*block.first_chunk().unwrap())).collect();
    let mut eight = 0;
    for (at, byte) in bytes.iter().enumerate() {
        eight = eight >> 8 | u64::from(*byte) << 56;
        if at >= 7 && begins.contains(&eight) {
            let from = at - 7;
            assert!(!bytes.get(from..from + 32).is_some_and(|block| blocks.contains(block)), "shows at {from}");
        }
    }
}

/// Values of elements, nested ones too.
pub fn values(elements: &[E], into: &mut Vec<(Tag, Vec<u8>)>) {
    for E(tag, _, value) in elements {
        match value {
            V::Bytes(bytes) => into.push((*tag, bytes.clone())),
            V::Fragments(fragments) => into.extend(fragments.iter().map(|fragment| (*tag, fragment.clone()))),
            V::Items(_, items) => items.iter().for_each(|(_, item)| values(item, into)),
        }
    }
}

//! What is too much is refused or opens: nothing is sealed that never comes back, and nothing small becomes large.

use super::made::*;
use super::read::{elements, open, walk};
use crate::dicom::Tag;
use crate::dicom::transfer_syntax::Encoding::{self, ExplicitLe, ImplicitLe};
use crate::transform::flow::{Flow, Line};
use crate::transform::open::{As, Finished, Found, Open, OpenFault, OpenOptions, OpenOrder};
use crate::transform::seal::{Outcome, SealFault, SealOptions, SealOrder};
use crate::vault::Unlock;
use crate::vault::carrier::Carrier::{Attributes, Pixels};
use crate::vault::carrier::MAGIC;

const HEADER: u32 = 200_000;
const SPECTRA: &str = "1.2.840.10008.5.1.4.1.1.4.2";
const RAW: &str = "1.2.840.10008.5.1.4.1.1.66";
const ECG: &str = "1.2.840.10008.5.1.4.1.1.9.1.1";

fn within() -> SealOptions {
    SealOptions { header: HEADER, hold: 0, ..SealOptions::default() }
}

/// Opens with the limit that it was sealed with, or nearly so.
fn opened(bytes: &[u8], from: Encoding, class: &str) -> Result<Vec<u8>, OpenFault> {
    let options = OpenOptions { header: HEADER, ..OpenOptions::default() };
    let (sop_class, sop_instance) = (uid(class), uid(INSTANCE));
    let mut open = Open::new(OpenOrder { unlock: Unlock::Ring(ring()), from, sop_class, sop_instance, options });
    let (mut flow, mut line, mut out, mut decided) = (Flow::default(), Line::default(), Vec::new(), false);
    for piece in bytes.chunks(16_000) {
        open.push(piece, &mut flow)?;
        if !decided && open.found().is_some() {
            open.deliver(As::Own)?;
            decided = true;
        }
        out.extend(line.take(&mut flow).concat());
    }
    let mut finished = open.finish(&mut flow)?;
    if finished == Finished::Undecided {
        open.deliver(As::Own)?;
        finished = open.finish(&mut flow)?;
    }
    assert!(matches!(finished, Finished::Opened(_)));
    out.extend(line.take(&mut flow).concat());
    Ok(out)
}

/// A tomogram with raw data behind its pixels.
fn with_raw_data(length: usize) -> Vec<u8> {
    let mut object = tomogram(300_000, ExplicitLe);
    object.push(e(Tag(0x7fe1, 0x10), b"LO", "MAKER"));
    object.push(e(Tag(0x7fe1, 0x1001), b"OB", noise(9, length)));
    write(&object, ExplicitLe)
}

#[test]
fn what_stands_behind_the_pixels_opens_or_is_refused() {
    for (length, opens) in [(150_000, true), (400_000, false)] {
        let input = with_raw_data(length);
        let order = order(CT, syntax(ExplicitLe), ExplicitLe, Pixels, within());
        opens_or_is_refused(SealOrder { whole: true, ..order }, &input, CT, opens);
    }
}

fn opens_or_is_refused(order: SealOrder, input: &[u8], class: &str, opens: bool) {
    let out = seal(order, input, &[]).map(|out| out.bytes);
    if opens {
        assert_eq!(opened(&out.unwrap(), ExplicitLe, class).unwrap(), input);
    } else {
        assert_eq!(out.unwrap_err(), SealFault::Header(HEADER));
    }
}

#[test]
fn what_stands_behind_the_attributes_opens_or_is_refused() {
    for (length, opens) in [(150_000, true), (400_000, false)] {
        let mut object = identity(SPECTRA);
        object.push(e(Tag(0x28, 8), b"IS", "1"));
        object.push(us(Tag(0x28, 0x10), 1, ExplicitLe));
        object.push(us(Tag(0x28, 0x11), 1, ExplicitLe));
        object.push(e(Tag(0x28, 0x9108), b"CS", "COMPLEX"));
        object.push(e(Tag(0x5600, 0x20), b"OF", noise(9, length)));
        let input = write(&object, ExplicitLe);
        let order = order(SPECTRA, syntax(ExplicitLe), ExplicitLe, Pixels, within());
        opens_or_is_refused(order, &input, SPECTRA, opens);
    }
}

#[test]
fn an_image_that_would_not_open_out_of_attributes_stands_in_pixels() {
    let object = tomogram(400_000, ExplicitLe);
    let input = write(&object, ExplicitLe);
    let out = seal(order(CT, syntax(ExplicitLe), ExplicitLe, Attributes, within()), &input, &[]).unwrap();
    assert!(out.sealed().bytes < within().attributes_max);
    assert_eq!(opened(&out.bytes, ExplicitLe, CT).unwrap(), input);
}

#[test]
fn a_long_document_is_not_held() {
    let mut object = identity(PDF);
    object.push(e(Tag(0x42, 0x11), b"OB", noise(3, 600_000)));
    object.push(e(Tag(0x5601, 0x10), b"LO", "MAKER"));
    object.push(e(Tag(0x5601, 0x1001), b"OB", noise(4, 100_000)));
    let input = write(&object, ExplicitLe);
    let out = seal(order(PDF, syntax(ExplicitLe), ExplicitLe, Pixels, within()), &input, &[]).unwrap();
    assert_eq!(opened(&out.bytes, ExplicitLe, PDF).unwrap(), input);
}

/// The limit counts what sealing writes; an archive may write it longer.
#[test]
fn a_header_that_the_archive_wrote_longer_is_still_that_of_a_seal() {
    let mut object = identity(CT);
    for group in (0x11..0x27).step_by(2) {
        object.push(e(Tag(group, 0x10), b"LO", "MAKER"));
        (0..2000).for_each(|number| object.push(e(Tag(group, 0x1000 + number), b"UN", "")));
    }
    object.extend(image(16, ExplicitLe));
    object.push(e(Tag(0x7fe0, 0x10), b"OW", noise(1, 100_000)));
    let short = write(&object, ImplicitLe);
    let order = order(CT, syntax(ImplicitLe), ImplicitLe, Pixels, within());
    let out = seal(order, &short, &[]).unwrap();
    let mut longer = Vec::new();
    for (tag, element) in elements(&out.bytes, ImplicitLe) {
        let value = &element[8..];
        let vr = crate::dicom::dataset::vr_of(tag, false);
        crate::transform::head::put_header(&mut longer, ExplicitLe, tag, Some(vr), value.len() as u32);
        longer.extend(value);
    }
    walk(&longer, ExplicitLe);
    assert!(longer.len() - out.bytes.len() > 80_000 && out.bytes.len() > 200_000);
    opened(&longer, ExplicitLe, CT).unwrap();
}

#[test]
fn where_nothing_is_sealed_nothing_is_lost() {
    let mut input = write(&identity(CT), ExplicitLe);
    let length = input.len();
    input.extend(vec![0; 5 << 20]);
    let cuts: Vec<usize> = (1..80).map(|at| at * 65_536).collect();
    let order = |to, header| {
        let options = SealOptions { header, ..SealOptions::default() };
        super::made::order(CT, syntax(ExplicitLe), to, Pixels, options)
    };
    match seal(order(ExplicitLe, 100_000), &input, &cuts) {
        Ok(out) => assert!(out.bytes.len() >= length && out.outcome == Outcome::Nothing),
        Err(fault) => assert_eq!(fault, SealFault::Header(100_000)),
    }
}

/// How archives give private sequences back: as values, in implicit VR.
fn as_value(bytes: &[u8], sequence: Tag) -> Vec<u8> {
    let mut out = Vec::new();
    for (tag, element) in elements(bytes, ImplicitLe) {
        if tag == sequence {
            assert_eq!(element[4..8], [255; 4]);
            let content = &element[8..element.len() - 8];
            out.extend(&element[..4]);
            out.extend((content.len() as u32).to_le_bytes());
            out.extend(content);
        } else {
            out.extend(element);
        }
    }
    walk(&out, ImplicitLe);
    out
}

#[test]
fn a_long_sequence_that_comes_back_as_a_value_comes_back_whole() {
    const SEQUENCE: Tag = Tag(0x2005, 0x1010);
    let mut object = identity(RAW);
    object.push(e(Tag(0x2005, 0x10), b"LO", "MAKER"));
    let item = |seed| {
        vec![
            e(Tag(0x2005, 0x10), b"LO", "MAKER"),
            e(Tag(0x2005, 0x1001), b"OB", noise(seed, 3000)),
            e(Tag(0x4000, 0x4000), b"LT", vec![b'x'; 9000]),
        ]
    };
    object.push(sq(SEQUENCE, false, (0..150).map(item).collect()));
    let input = write(&object, ExplicitLe);
    let order = order(RAW, syntax(ExplicitLe), ImplicitLe, Pixels, SealOptions::default());
    let out = seal(order, &input, &[]).unwrap();
    assert_eq!(open(&out.bytes, ImplicitLe, RAW).unwrap(), input);
    let again = open(&as_value(&out.bytes, SEQUENCE), ImplicitLe, RAW).unwrap();
    // As a value it is in implicit VR, with shorter headers.
    assert!(again.len() + 1000 > input.len(), "{} of {}", again.len(), input.len());
}

#[test]
fn a_long_private_sequence_of_an_implicit_original_comes_back_whole() {
    let mut object = identity(CT);
    object.push(e(Tag(0x0019, 0x10), b"LO", "MAKER"));
    let item = |seed| {
        vec![
            e(Tag(0x0019, 0x10), b"LO", "MAKER"),
            e(Tag(0x0019, 0x1001), b"OB", noise(seed, 3000)),
            e(Tag(0x0020, 0x4000), b"LT", vec![b'x'; 900]),
        ]
    };
    object.push(sq(Tag(0x0019, 0x1010), true, (0..100).map(item).collect()));
    object.extend(image(16, ImplicitLe));
    object.push(e(Tag(0x7fe0, 0x10), b"OW", noise(1, 100_000)));
    let input = write(&sorted(object), ImplicitLe);
    for to in [ImplicitLe, ExplicitLe] {
        let order = order(CT, syntax(ImplicitLe), to, Pixels, SealOptions::default());
        let out = seal(order, &input, &[]).unwrap();
        assert!(open(&out.bytes, to, CT).unwrap() == input, "{to:?}");
    }
}

#[test]
fn stand_ins_are_not_longer_than_what_they_stand_for() {
    let item = || {
        vec![
            us(Tag(0x3a, 5), 65_535, ImplicitLe),
            us(Tag(0x5400, 0x1004), 64, ImplicitLe),
            e(Tag(0x5400, 0x1010), b"OW", []),
        ]
    };
    let inner = write(&[sq(Tag(0x5400, 0x100), true, (0..100).map(|_| item()).collect())], ImplicitLe);
    let mut object = identity(ECG);
    object.push(e(Tag(0x5400, 0x100), b"UN", &inner[8..]));
    let input = write(&object, ExplicitLe);
    let order = order(ECG, syntax(ExplicitLe), ExplicitLe, Pixels, SealOptions::default());
    let out = seal(order, &input, &[]).unwrap();
    assert!(out.bytes.len() < 8 * input.len(), "{} of {}", out.bytes.len(), input.len());
    assert_eq!(open(&out.bytes, ExplicitLe, ECG).unwrap(), input);
}

#[test]
fn so_many_elements_are_no_seal() {
    let mut input = write(&identity(CT), ImplicitLe);
    for group in [0x21_u16, 0x23] {
        for element in 0x1000..=0xffff_u16 {
            input.extend([group, element].map(u16::to_le_bytes).concat());
            input.extend([0; 4]);
        }
    }
    let options = OpenOptions::default();
    let (sop_class, sop_instance) = (uid(CT), uid(INSTANCE));
    let order = OpenOrder { unlock: Unlock::Ring(ring()), from: ImplicitLe, sop_class, sop_instance, options };
    let mut open = Open::new(order);
    let (mut flow, mut line, mut out) = (Flow::default(), Line::default(), Vec::new());
    for piece in input.chunks(65_536) {
        open.push(piece, &mut flow).unwrap();
        if out.is_empty() && open.found() == Some(&Found::Plain) {
            let _ = open.pass();
        }
        out.extend(line.take(&mut flow).concat());
    }
    assert!(!out.is_empty(), "it is known before its end that this is no seal");
    assert_eq!(open.finish(&mut flow).unwrap(), Finished::Passed);
    out.extend(line.take(&mut flow).concat());
    assert!(out == input, "and it passes as it is");
}

#[test]
fn the_magic_alone_is_no_seal() {
    use crate::transform::seal::Already;
    let mut pixels = vec![0; 512 * 48 * 2];
    pixels.extend(MAGIC);
    pixels.extend(100_000_u64.to_le_bytes());
    pixels.extend(noise(1, 200_000));
    let mut object = identity(CT);
    object.extend(image(16, ExplicitLe));
    object.retain(|element| element.0 != Tag(0x28, 0x11));
    object.push(us(Tag(0x28, 0x11), 512, ExplicitLe));
    object.push(e(Tag(0x400, 0x500), b"UN", "dicomgate ring 0007"));
    object.push(e(Tag(0x7fe0, 0x10), b"OW", pixels));
    let input = write(&sorted(object), ExplicitLe);
    let options = SealOptions { already: Already::Pass, ..within() };
    let out = seal(order(CT, syntax(ExplicitLe), ExplicitLe, Pixels, options), &input, &[]).unwrap();
    out.sealed();
    assert_eq!(opened(&out.bytes, ExplicitLe, CT).unwrap(), input);
}

/// A drill has to find what recovery opens: also what a device did wrong and a tolerance let in.
#[test]
fn a_seal_is_found_in_a_file_with_faults_that_were_tolerated() {
    use crate::dicom::dataset::part10::Part10;
    use crate::vault::offline::SealedFile;
    let item = vec![e(Tag(0x40, 9), b"SH", "STEP"), e(Tag(0x40, 7), b"LO", "BEFORE")];
    let mut object = tomogram(100_000, ExplicitLe);
    object.push(sq(Tag(0x40, 0x275), true, vec![item]));
    let input = write(&sorted(object), ExplicitLe);
    let out = seal(order(CT, syntax(ExplicitLe), ExplicitLe, Pixels, within()), &input, &[]).unwrap();
    let (sop_class, sop_instance, transfer_syntax) = (uid(CT), uid(INSTANCE), syntax(ExplicitLe));
    let file = Part10 { sop_class, sop_instance, transfer_syntax, data_set: &out.bytes }.join(&uid("1.2.3"));
    assert!(SealedFile::find(&file).unwrap().is_some());
}

//! What stands in the place of what was sealed.

use super::*;

fn of(uid: &str) -> &'static Family {
    Family::sealing(&Uid::new(uid).unwrap()).unwrap()
}

fn original(elements: &[(u16, u16, &[u8])]) -> Original {
    let mut original = Original::default();
    for (group, element, value) in elements {
        assert!(Original::wants(Tag(*group, *element)));
        original.note(Tag(*group, *element), value, false);
    }
    original
}

fn text(list: &[Replacement], group: u16, element: u16) -> Option<String> {
    let found = list.iter().find(|replacement| replacement.tag == Tag(group, element))?;
    Some(match &found.vr.0 {
        b"US" => u16::from_le_bytes([found.value[0], found.value[1]]).to_string(),
        _ => String::from_utf8_lossy(&found.value).trim_end().to_owned(),
    })
}

fn sealed(uid: &str, original: &Original) -> (Vec<Replacement>, Option<Geometry>) {
    let image = of(uid).form(original).map(|form| Geometry::for_length(100_000, form).unwrap());
    (of(uid).replacements(original, image.as_ref()), image)
}

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
const PIXELS: (u16, u16, &[u8]) = (0x7fe0, 0x0010, b"");

#[test]
fn a_ct_slice() {
    let elements = [
        (0x0028, 0x0004, &b"MONOCHROME2 "[..]),
        (0x0028, 0x0100, &[16, 0]),
        (0x0028, 0x1050, b"40\\50 "),
        (0x0028, 0x1051, b"400\\500 "),
        (0x0028, 0x1052, b"-1024 "),
        (0x0028, 0x1053, b"1 "),
        (0x0028, 0x1054, b"HU"),
        PIXELS,
    ];
    let (list, image) = sealed(CT, &original(&elements));
    let image = image.unwrap();
    assert_eq!((image.columns, image.bits, image.samples, image.frames), (512, 16, 1, 1));
    let shown: Vec<_> =
        [0x0002, 0x0004, 0x0010, 0x0011, 0x0100, 0x0101, 0x0102, 0x0103, 0x1050, 0x1051, 0x1052, 0x1053, 0x1054]
            .iter()
            .map(|element| text(&list, 0x0028, *element).unwrap())
            .collect();
    let rows = image.rows.to_string();
    assert_eq!(shown, ["1", "MONOCHROME2", &rows, "512", "16", "16", "15", "0", "32768", "65536", "0", "1", "HU"]);
    assert_eq!(text(&list, 0x0028, 0x0008), None, "a class without frames gets none");
    assert_eq!(text(&list, 0x0028, 0x0006), None);
    assert!(list.windows(2).all(|pair| pair[0].tag < pair[1].tag));
    assert!(list.iter().all(|put| put.value.len().is_multiple_of(2) && Family::is_replacement(put.tag)));
}

#[test]
fn bits_and_frames_follow_the_family() {
    let form = |uid: &str, bits: u8, frames: &[u8]| {
        of(uid).form(&original(&[(0x0028, 0x0008, frames), (0x0028, 0x0100, &[bits, 0]), PIXELS])).unwrap()
    };
    let root = "1.2.840.10008.5.1.4.1.1.";
    for (class, bits, frames, expected) in [
        ("2", 8, "1", (16, 1, 1)),
        ("7", 8, "1", (8, 1, 1)),
        ("7", 12, "1", (16, 1, 1)),
        ("7", 1, "1", (8, 1, 1)),
        ("7.1", 1, " 5", (1, 1, 5)),
        ("7.4", 8, "5 ", (8, 3, 5)),
        ("66.4", 1, "300 ", (1, 1, 300)),
        ("66.4", 8, "300", (8, 1, 300)),
        ("481.2", 32, "15", (16, 1, 15)),
        ("30", 64, "15", (16, 1, 15)),
        ("77.1.1.1", 8, "30000", (8, 1, 1)),
        ("77.1.6", 8, "30000", (8, 1, 30_000)),
        ("6.1", 16, "no number", (8, 1, 1)),
    ] {
        let form = form(&format!("{root}{class}"), bits, frames.as_bytes());
        assert_eq!((form.bits, form.samples, form.frames), expected, "{class}");
    }
}

#[test]
fn numbers_in_big_endian_are_read() {
    let mut big = Original::default();
    big.note(Tag(0x0028, 0x0100), &[0, 8], true);
    big.note(Tag(0x0028, 0x0010), &[1, 2], true);
    assert_eq!(big.bits(), 8);
    assert_eq!(text(&of(CT).replacements(&big, None), 0x0028, 0x0010), Some("258".to_owned()));
}

/// A header without pixel data keeps what describes its pixels: no image stands in their place.
#[test]
fn without_pixels_everything_is_as_it_was() {
    let elements = [(0x0028, 0x0004, &b"RGB "[..]), (0x0028, 0x0010, &[0, 2]), (0x0028, 0x1050, b"40")];
    let (list, image) = sealed(CT, &original(&elements));
    assert_eq!(image, None);
    assert_eq!(list.len(), 3);
    assert_eq!(text(&list, 0x0028, 0x0004).unwrap(), "RGB");
    assert_eq!(text(&list, 0x0028, 0x0010).unwrap(), "512");
}

#[test]
fn a_dose_that_is_sealed_is_no_dose() {
    let elements = [(0x0028, 0x0008, &b"3"[..]), (0x3004, 0x000e, b"0.001 "), PIXELS];
    let (list, image) = sealed("1.2.840.10008.5.1.4.1.1.481.2", &original(&elements));
    assert_eq!(image.unwrap().frames, 3);
    assert_eq!(text(&list, 0x3004, 0x000e).unwrap(), "0");
    assert_eq!(text(&list, 0x0028, 0x0008).unwrap(), "3");
}

#[test]
fn colour_becomes_grey_as_the_class_asks() {
    let elements = [(0x0028, 0x0004, &b"YBR_FULL_422"[..]), (0x0028, 0x0100, &[8, 0]), PIXELS];
    let (list, _) = sealed("1.2.840.10008.5.1.4.1.1.77.1.6", &original(&elements));
    assert_eq!(text(&list, 0x0028, 0x0004).unwrap(), "MONOCHROME2");
    assert_eq!(text(&list, 0x2050, 0x0020).unwrap(), "IDENTITY");
    assert_eq!(text(&list, 0x0028, 0x1053).unwrap(), "1");
    let (list, _) = sealed("1.2.840.10008.5.1.4.1.1.7.4", &original(&elements));
    assert_eq!(text(&list, 0x0028, 0x0004).unwrap(), "RGB");
    assert_eq!(text(&list, 0x0028, 0x0006).unwrap(), "0");
    assert_eq!(text(&list, 0x0028, 0x0002).unwrap(), "3");
}

#[test]
fn documents_are_of_their_type() {
    for (mime, begins) in [
        (&b"application/pdf "[..], &b"%PDF-1."[..]),
        (b"text/XML", b"<?xml"),
        (b"model/stl ", b"SEALED"),
        (b"model/obj\0", b"# SEALED"),
        (b"model/mtl", b"# SEALED"),
        (b"application/unheard-of", b"SEALED"),
    ] {
        let elements = [(0x0042, 0x0012, mime), (0x0042, 0x0015, &[0, 1, 0, 0]), (0x0042, 0x0011, b"")];
        let (list, image) = sealed("1.2.840.10008.5.1.4.1.1.104.1", &original(&elements));
        assert_eq!(image, None);
        let document = &list[0].value;
        assert_eq!(list[0].tag, Tag(0x0042, 0x0011));
        assert!(document.starts_with(begins));
        let length = u32::from_le_bytes(*list[1].value.first_chunk().unwrap());
        assert!(document.len() as u32 - length <= 1, "as long as it says, but for padding");
        assert!(document.windows(6).any(|words| words == b"SEALED"));
    }
}

/// Every object stands where the table of the PDF says.
#[test]
fn the_pdf_has_its_objects_in_place() {
    let bytes = documents::of(b"application/pdf");
    let text = String::from_utf8(bytes).unwrap();
    let (_, start) = text.rsplit_once("startxref\n").unwrap();
    let start: usize = start.lines().next().unwrap().parse().unwrap();
    let mut lines = text.get(start..).unwrap().lines();
    assert_eq!(lines.next(), Some("xref"));
    let entries: Vec<&str> = lines.skip(1).take_while(|line| line.len() == 19 || line.len() == 18).collect();
    assert_eq!(entries.len(), 6);
    for (number, entry) in entries.iter().enumerate().skip(1) {
        let offset: usize = entry.get(..10).unwrap().parse().unwrap();
        assert!(text.get(offset..).unwrap().starts_with(&format!("{number} 0 obj")));
    }
}

#[test]
fn spectra_keep_their_frames() {
    let elements = [
        (0x0028, 0x0008, &b"2"[..]),
        (0x0028, 0x0010, &[16, 0]),
        (0x0028, 0x9002, &[0, 4, 0, 0]),
        (0x0028, 0x9108, b"COMPLEX "),
        (0x5600, 0x0020, b""),
    ];
    let (list, image) = sealed("1.2.840.10008.5.1.4.1.1.4.2", &original(&elements));
    assert_eq!(image, None);
    assert_eq!(text(&list, 0x0028, 0x0010).unwrap(), "1");
    assert_eq!(text(&list, 0x0028, 0x9108).unwrap(), "REAL");
    assert_eq!(list.last().unwrap().value, [0; 8], "two frames of one number");
}

#[test]
fn stand_ins_fit_their_items() {
    let numbers = |channels: u32, bits: u32| {
        move |tag: Tag| match tag {
            Tag(0x003a, 0x0005) => Some(channels),
            Tag(0x5400, 0x1004) => Some(bits),
            _ => None,
        }
    };
    let path = [Tag(0x5400, 0x0100)];
    let waveform =
        |channels, bits| family().stand_in(&path, Tag(0x5400, 0x1010), &numbers(channels, bits)).unwrap().len();
    assert_eq!(waveform(12, 16), 24);
    assert_eq!(waveform(1, 8), 1);
    assert_eq!(waveform(2, 24), 6);
    assert!(waveform(u32::MAX, u32::MAX) <= 1 << 20, "a number from the wire decides on memory");
    assert_eq!(family().stand_in(&path, Tag(0x003a, 0x0010), &|_| None), Some(vec![1, 0, 0, 0]));
    assert_eq!(family().stand_in(&[], Tag(0x5400, 0x1010), &|_| None), None, "only inside sequences");
    assert_eq!(family().stand_in(&path, Tag(0x7fe0, 0x0010), &|_| None), None);
    // What stands somewhere was sealed there: opening puts the original over it.
    for rule in tags::RULES {
        if family().stand_in(&path, rule.first, &|_| None).is_some() {
            assert_eq!(part(&path, rule.first, None, 4), Part::Seal, "{}", rule.what);
        }
    }
}

use super::{CharacterFault, CharacterSet};
use dicom_core::VR;
use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, proptest};

fn set(declared: &str) -> CharacterSet {
    CharacterSet::of(declared.as_bytes()).unwrap()
}

#[test]
fn the_right_half_is_not_used_beside_a_left_one_of_two_bytes() {
    let bytes = b"A\x1b$B;3\x1b(J\xcf\x1b$BED\x1b(J";
    both_ways("ISO 2022 IR 13\\ISO 2022 IR 87", VR::LO, bytes, "A山ﾏ田");
    let at_once = b"A\x1b$B;3\xcfED\x1b(J";
    assert_eq!(set("ISO 2022 IR 13\\ISO 2022 IR 87").decode(at_once).unwrap(), "A山ﾏ田", "but it may be");
}

/// The bytes are what the standard's annexes print, so reading and writing must both give them.
#[track_caller]
fn both_ways(declared: &str, vr: VR, bytes: &[u8], text: &str) {
    assert_eq!(set(declared).decode_as(vr, bytes).as_deref(), Ok(text), "{declared}");
    assert_eq!(set(declared).encode_as(vr, text).as_deref(), Some(bytes), "{declared} {text}");
}

#[test]
fn names_of_the_annexes() {
    // PS3.5 H.3.1, H.3.2, I.2, J.3, K.2, K.3.
    both_ways(
        "\\ISO 2022 IR 87",
        VR::PN,
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    );
    both_ways(
        "ISO 2022 IR 13\\ISO 2022 IR 87",
        VR::PN,
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    );
    both_ways(
        "\\ISO 2022 IR 149",
        VR::PN,
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
        "Hong^Gildong=洪^吉洞=홍^길동",
    );
    both_ways(
        "\\ISO 2022 IR 58",
        VR::PN,
        b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
        "Zhang^XiaoDong=张^小东=",
    );
    both_ways("ISO_IR 192", VR::PN, "Wang^XiaoDong=王^小東=".as_bytes(), "Wang^XiaoDong=王^小東=");
    both_ways("GB18030", VR::PN, b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", "Wang^XiaoDong=王^小东=");
    both_ways("GBK", VR::PN, b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", "Wang^XiaoDong=王^小东=");
}

#[test]
fn texts_of_the_annexes() {
    // I.3: every line designates again, because a control character ends it.
    both_ways(
        "\\ISO 2022 IR 149",
        VR::LT,
        b"\x1b$)C\xb1\xe6\xb5\xbf says\r\n\x1b$)C\xb1\xe6\xb5\xbf\\\xb1\xe6",
        "길동 says\r\n길동\\길",
    );
    // In a value of several, a backslash ends it as well.
    both_ways("\\ISO 2022 IR 149", VR::LO, b"\x1b$)C\xb1\xe6^\xb5\xbf\\\x1b$)C\xb1\xe6", "길^동\\길");
    both_ways("\\ISO 2022 IR 87", VR::LO, b"\x1b$B;3ED\x1b(B \x1b$BB@O:\x1b(B", "山田 太郎");
}

#[test]
fn each_single_byte_set_goes_both_ways() {
    for (term, bytes, text) in [
        ("ISO_IR 100", &b"Buc^J\xe9r\xf4me"[..], "Buc^Jérôme"),
        ("ISO_IR 101", b"W\xb3odarczyk", "Włodarczyk"),
        ("ISO_IR 109", b"\xa1", "Ħ"),
        ("ISO_IR 110", b"\xe0", "ā"),
        ("ISO_IR 144", b"\xbb\xee\xda", "Люк"),
        ("ISO_IR 127", b"\xe2\xc8\xc7\xe6\xea", "قباني"),
        ("ISO_IR 126", b"\xc4\xe9\xef", "Διο"),
        ("ISO_IR 138", b"\xf9\xf8\xe5\xef", "שרון"),
        ("ISO_IR 148", b"\xc7avu\xfeo\xf0lu", "Çavuşoğlu"),
        ("ISO_IR 166", b"\xca\xc1\xaa\xd2\xc2", "สมชาย"),
        ("ISO_IR 203", b"\xa4\xbd", "€œ"),
        ("ISO_IR 13", b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
    ] {
        both_ways(term, VR::PN, bytes, text);
        both_ways(&term.replace("ISO_IR", "ISO 2022 IR"), VR::PN, bytes, text);
    }
}

#[test]
fn single_byte_sets_may_be_switched_between() {
    let both = set("ISO 2022 IR 100\\ISO 2022 IR 144\\ISO 2022 IR 126");
    let bytes = b"J\xe9r\xf4me \x1b-L\xbb\xee\x1b-F\xc4^\xe9";
    assert_eq!(
        both.decode_as(VR::PN, bytes).unwrap(),
        "Jérôme ЛюΔ^é",
        "behind the delimiter the first one holds again"
    );
    let text = "Jérôme ЛюΔ^é";
    assert_eq!(both.encode_as(VR::PN, text).unwrap(), b"J\xe9r\xf4me \x1b-L\xbb\xee\x1b-F\xc4\x1b-A^\xe9");
    assert_eq!(both.encode("王"), None);
}

#[test]
fn what_is_declared_beside_it_decides_what_an_escape_may_do() {
    let kanji = b"\x1b$B;3ED\x1b(B";
    assert_eq!(set("\\ISO 2022 IR 87").decode(kanji).unwrap(), "山田");
    assert_eq!(set("ISO 2022 IR 87").decode(kanji).unwrap(), "山田", "alone it is as beside an empty one");
    assert_eq!(set("ISO 2022 IR 6\\ISO 2022 IR 87").decode(kanji).unwrap(), "山田");
    assert_eq!(set("ISO_IR 100\\ISO_IR 87").decode(kanji).unwrap(), "山田");
    assert_eq!(set("ISO_IR 999\\ISO 2022 IR 87".strip_prefix("ISO_IR 999").unwrap()).decode(kanji).unwrap(), "山田");
    assert_eq!(set("\\ISO 2022 IR 999\\ISO 2022 IR 87").decode(kanji).unwrap(), "山田");
    for declared in ["", "ISO_IR 100", "ISO 2022 IR 100", "\\ISO 2022 IR 159", "ISO_IR 192", "GB18030\\ISO 2022 IR 87"]
    {
        assert_eq!(set(declared).decode(kanji), Err(CharacterFault::Escape), "{declared}");
    }
    assert_eq!(set("\\ISO 2022 IR 87").decode(b"\x1b$@;3"), Err(CharacterFault::Escape));
    assert_eq!(set("\\ISO 2022 IR 87").decode(b"x\x1b"), Err(CharacterFault::Escape));
    assert_eq!(set("\\ISO 2022 IR 159").decode(b"\x1b$(D0!\x1b(B").unwrap(), "丂");
    assert!(CharacterSet::of(b"ISO_IR 999\\ISO 2022 IR 87").is_err());
}

#[test]
fn half_characters_and_bytes_of_nothing_are_faults() {
    for (declared, bytes) in [
        ("\\ISO 2022 IR 87", &b"\x1b$B;"[..]),
        ("\\ISO 2022 IR 87", b"\x1b$B;\xb3"),
        ("\\ISO 2022 IR 149", b"\x1b$)C\xb1"),
        ("\\ISO 2022 IR 149", b"\x1b$)C\xb1a"),
        ("\\ISO 2022 IR 149", b"\xb1\xe6"),
        ("ISO 2022 IR 13\\ISO 2022 IR 87", b"\xa0"),
        ("ISO 2022 IR 100\\ISO 2022 IR 87", b"\x85"),
        ("GB18030", b"\xcd"),
        ("ISO_IR 192", b"\xcd"),
    ] {
        assert_eq!(set(declared).decode(bytes), Err(CharacterFault::Undefined), "{declared} {bytes:x?}");
    }
    // A name ends what was designated; the bytes behind it belong to nothing.
    let unfinished = b"\x1b$)C\xfb\xf3^\xd1\xce";
    assert_eq!(set("\\ISO 2022 IR 149").decode_as(VR::PN, unfinished), Err(CharacterFault::Undefined));
    assert_eq!(set("\\ISO 2022 IR 149").decode_as(VR::LO, unfinished).unwrap(), "洪^吉");
}

#[test]
fn a_backslash_is_a_delimiter_only_where_it_is_a_character() {
    assert_eq!(set("GB18030").decode(b"\x81\x5c\x5cA").unwrap(), "\u{4e57}\\A");
    // 2140H of JIS X 0208 is a backslash of full width; 215CH is a plus sign.
    assert_eq!(set("\\ISO 2022 IR 87").decode(b"\x1b$B!\\\x1b(B\\A").unwrap(), "＋\\A");
    // In JIS X 0201 the code of the yen sign divides values.
    assert_eq!(set("ISO_IR 13").decode(b"\xd4\\\xcf").unwrap(), "ﾔ\\ﾏ");
    assert_eq!(set("ISO_IR 13").encode("~"), None);
    assert_eq!(set("ISO_IR 13").encode("\u{203e}").unwrap(), b"~");
    assert_eq!(set("ISO_IR 13").encode("¥"), None);
}

#[test]
fn what_a_repertoire_cannot_carry_is_not_written() {
    for (declared, text) in [
        ("", "é"),
        ("ISO_IR 100", "€"),
        ("ISO_IR 203", "¤"),
        ("ISO_IR 148", "\u{80}"),
        ("ISO_IR 100", "\u{9f}"),
        ("GBK", "\u{1f600}"),
        ("GBK", "\u{20ac}x\u{e5e5}"),
        ("\\ISO 2022 IR 149", "张"),
        ("\\ISO 2022 IR 87", "①"),
        ("ISO_IR 192", "a\u{1b}b"),
        ("", "a\u{1b}(B"),
    ] {
        assert_eq!(set(declared).encode(text), None, "{declared} {text:?}");
    }
    // What vendors added is read all the same.
    assert_eq!(set("\\ISO 2022 IR 87").decode(b"\x1b$B-!\x1b(B").unwrap(), "①");
    assert!(set("GB18030").encode("\u{1f600}").is_some());
}

#[test]
fn terms_are_read_as_devices_write_them() {
    for term in ["ISO_IR 100", "ISO_IR 100 ", "ISO IR 100", "ISO-IR 100", "ISO 2022 IR 100", "ISO 2022-IR 100"] {
        assert_eq!(set(term).decode(b"\xe9").unwrap(), "é", "{term}");
    }
}

const DECLARED: [&str; 16] = [
    "",
    "ISO_IR 100",
    "ISO_IR 13",
    "ISO_IR 166",
    "ISO_IR 192",
    "GB18030",
    "GBK",
    "\\ISO 2022 IR 87",
    "\\ISO 2022 IR 149",
    "\\ISO 2022 IR 58",
    "ISO 2022 IR 13\\ISO 2022 IR 87\\ISO 2022 IR 159",
    "ISO 2022 IR 100\\ISO 2022 IR 144\\ISO 2022 IR 149",
    "ISO 2022 IR 6\\ISO 2022 IR 126\\ISO 2022 IR 127\\ISO 2022 IR 138",
    "ISO 2022 IR 100\\ISO 2022 IR 87\\ISO 2022 IR 58",
    "\\ISO 2022 IR 159",
    "ISO_IR 203",
];
const LETTERS: [char; 40] = [
    'A',
    'b',
    '7',
    ' ',
    '^',
    '=',
    '\\',
    '\r',
    '\n',
    '\t',
    '~',
    '|',
    'é',
    'ß',
    '€',
    'Л',
    'Δ',
    'ש',
    'ق',
    'ส',
    'ﾔ',
    'ｳ',
    '\u{203e}',
    '山',
    '田',
    'や',
    '丂',
    '홍',
    '길',
    '洪',
    '张',
    '东',
    '王',
    '〜',
    '−',
    '·',
    '①',
    '\u{1f600}',
    '\u{1b}',
    '\u{7f}',
];
const VRS: [VR; 3] = [VR::PN, VR::LO, VR::LT];

fn declared() -> impl Strategy<Value = &'static str> {
    prop::sample::select(DECLARED.as_slice())
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(declared in declared(), letters in prop::collection::vec(prop::sample::select(LETTERS.as_slice()), 0..12), at in 0..3_usize) {
        let text: String = letters.into_iter().collect();
        if let Some(bytes) = set(declared).encode_as(VRS[at], &text) {
            prop_assert_eq!(set(declared).decode_as(VRS[at], &bytes).unwrap(), text);
        } else {
            let each = text.chars().all(|c| set(declared).encode_as(VRS[at], c.encode_utf8(&mut [0; 4])).is_some());
            prop_assert!(!each, "every letter could be written, but not all of them");
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(declared in declared(), bytes in prop::collection::vec(any::<u8>(), 0..60), at in 0..3_usize) {
        let set = set(declared);
        if let Ok(text) = set.decode_as(VRS[at], &bytes) {
            // What reads as something is written in one way, which reads the same.
            if let Some(again) = set.encode_as(VRS[at], &text) {
                prop_assert_eq!(set.decode_as(VRS[at], &again).unwrap(), text);
            }
        }
        let _ = CharacterSet::of(&bytes);
    }

    #[test]
    fn escapes_in_any_order_are_read_or_refused(declared in declared(), parts in prop::collection::vec((0..10_usize, prop::collection::vec(0x20_u8..=0xff, 0..5)), 0..8)) {
        const ESCAPES: [&[u8]; 10] =
            [b"(B", b"(J", b")I", b"-A", b"-L", b"$B", b"$(D", b"$)C", b"$)A", b"$@"];
        let mut bytes = Vec::new();
        for (escape, letters) in parts {
            bytes.push(0x1b);
            bytes.extend(ESCAPES[escape]);
            bytes.extend(letters);
        }
        let _ = set(declared).decode_as(VR::PN, &bytes);
    }
}

use super::identifier::{MAX_DEPTH, MAX_KEYS};
use super::key::{MAX_KEY, MAX_VALUES};
use super::wildcard::Pattern;
use super::{Attributes, Extended, Identifier, Key, KeyFault};
use crate::dicom::Tag;
use dicom_core::VR;
use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, proptest};
use std::borrow::Cow;
use std::collections::BTreeMap;

fn fits(vr: VR, key: &str, stored: &str) -> bool {
    Key::new(vr, key, Extended::default()).unwrap().matches(stored)
}

#[track_caller]
fn yes(vr: VR, key: &str, stored: &str) {
    assert!(fits(vr, key, stored), "{vr:?} `{key}` should match `{stored}`");
}

#[track_caller]
fn no(vr: VR, key: &str, stored: &str) {
    assert!(!fits(vr, key, stored), "{vr:?} `{key}` should not match `{stored}`");
}

#[test]
fn universal_keys_match_everything_even_nothing() {
    for vr in [VR::LO, VR::PN, VR::UI, VR::DA, VR::TM, VR::DT, VR::IS, VR::US, VR::LT, VR::AT, VR::UR] {
        for key in ["", " ", "*", "**", "\0"] {
            yes(vr, key, "");
            yes(vr, key, "20260101");
            assert!(Key::new(vr, key, Extended::default()).unwrap().is_universal());
        }
    }
}

#[test]
fn an_absent_value_matches_no_key_that_asks_something() {
    for (vr, key) in [
        (VR::LO, "A*"),
        (VR::LO, "?*"),
        (VR::PN, "*^*"),
        (VR::PN, "="),
        (VR::UI, "1.2"),
        (VR::DA, "-20990101"),
        (VR::TM, "00-"),
        (VR::DT, "1900-"),
        (VR::IS, "0"),
    ] {
        no(vr, key, "");
        no(vr, key, " ");
    }
}

#[test]
fn single_values_are_exact_and_case_counts_except_in_names() {
    yes(VR::LO, "4711", "4711 ");
    yes(VR::LO, " 4711", "4711");
    no(VR::LO, "4711", "04711");
    no(VR::LO, "abc", "ABC");
    no(VR::CS, "C", "CT");
    yes(VR::CS, "PRIMARY", "ORIGINAL\\PRIMARY\\AXIAL");
    yes(VR::LT, " indented", " indented  ");
    no(VR::LT, "indented", " indented");
    yes(VR::ST, "a\\b", "a\\b");
    no(VR::ST, "b", "a\\b");
}

#[test]
fn wild_cards_stand_where_the_standard_has_them_and_nowhere_else() {
    yes(VR::LO, "A*Z", "AZ");
    yes(VR::LO, "A*Z", "AbcZ");
    no(VR::LO, "A*Z", "AbcZd");
    yes(VR::SH, "A?C", "ABC");
    no(VR::SH, "A?C", "AC");
    yes(VR::LO, "?", "Ä");
    yes(VR::UT, "*contrast*", "with\r\ncontrast agent");
    yes(VR::UR, "http://h/?q=*", "http://h/?q=*");
    yes(VR::UR, "http://h/?q=*", "http://h/?q=1");
    no(VR::UR, "http://h/?q=*", "http://h/q=1");
    no(VR::AS, "0*Y", "010Y");
    no(VR::UI, "1.2.*", "1.2.3");
    assert_eq!(Key::new(VR::DA, "2026*", Extended::default()), Err(KeyFault::Temporal));
    assert_eq!(Key::new(VR::IS, "1*", Extended::default()), Err(KeyFault::Number));
}

#[test]
fn several_values_of_a_key_must_all_be_there() {
    yes(VR::CS, "CT\\PT", "PT\\MR\\CT");
    no(VR::CS, "CT\\PT", "CT");
    yes(VR::CS, "CT", "PT\\CT");
}

#[test]
fn a_list_of_uids_matches_any_of_them() {
    yes(VR::UI, "1.2.3\\1.2.4", "1.2.4\0");
    yes(VR::UI, "1.2.3\0", "1.2.3");
    no(VR::UI, "1.2.3\\1.2.4", "1.2");
    no(VR::UI, "1.2", "1.2.3");
    let many = (0..20_000).map(|n| format!("1.2.{n}")).collect::<Vec<_>>().join("\\");
    yes(VR::UI, &many, "1.2.19999");
    no(VR::UI, &many, "1.2.20000");
}

#[test]
fn names_match_by_group_without_case_and_without_trailing_delimiters() {
    yes(VR::PN, "PHANTOM^petra", "Phantom^Petra");
    yes(VR::PN, "Phantom^Petra^^^", "Phantom^Petra");
    yes(VR::PN, "Phantom^Petra", "Phantom^Petra^^^ ");
    yes(VR::PN, "Phantom^Petra", "Phantom ^Petra==");
    no(VR::PN, "Phantom", "Phantom^Petra");
    yes(VR::PN, "Phan*", "Phantom^Petra");
    yes(VR::PN, "*^Petra", "Phantom^Petra");
    yes(VR::PN, "Doe^^*", "Doe");
    no(VR::PN, "Doe^?*", "Doe");
    yes(VR::PN, "山田*", "Yamada^Tarou=山田^太郎=やまだ^たろう");
    yes(VR::PN, "yamada^tarou=山田^太郎", "Yamada^Tarou=山田^太郎=やまだ^たろう");
    no(VR::PN, "yamada^tarou=山本^太郎", "Yamada^Tarou=山田^太郎");
    no(VR::PN, "=Yamada*", "Yamada^Tarou=山田^太郎");
    yes(VR::PN, "ÄRZTIN^*", "Ärztin^Uta");
    no(VR::PN, "Arztin^*", "Ärztin^Uta");
    // A capital sigma is small in two ways, by where it stands.
    yes(VR::PN, "ΔΙΟΣ*", "ΔΙΟΣΚΟΥΡΟΣ");
    yes(VR::PN, "διοσκουρος", "ΔΙΟΣΚΟΥΡΟΣ");
    yes(VR::PN, "ДЮК*", "Дюков^Иван");
}

/// A whole name by the definition: some group for a key of one, group by group for a key of several.
fn names(key: &str, stored: &str) -> bool {
    let groups = |text: &str| -> Vec<String> {
        let group = |group: &str| {
            let components: Vec<String> = group.split('^').map(|part| part.trim_matches(' ').to_lowercase()).collect();
            components.join("^").trim_end_matches('^').to_owned()
        };
        let mut groups: Vec<String> = text.split('=').map(group).collect();
        while groups.len() > 1 && groups.last().is_some_and(String::is_empty) {
            groups.pop();
        }
        groups
    };
    let universal = key.trim_matches(' ').chars().all(|c| c == '*');
    let (key, stored) = (groups(key), groups(stored));
    let one = |key: &str, group: &str| {
        // Empty components that the key writes out and the name does not.
        let missing = key.matches('^').count().saturating_sub(group.matches('^').count());
        let key: Vec<char> = key.chars().collect();
        (0..=missing).any(|more| glob(&key, &format!("{group}{}", "^".repeat(more)).chars().collect::<Vec<_>>()))
    };
    if universal || stored.iter().all(String::is_empty) {
        return universal;
    }
    match key.as_slice() {
        [only] if only.is_empty() => true,
        [only] => stored.iter().any(|group| !group.is_empty() && one(only, group)),
        several => several
            .iter()
            .enumerate()
            .all(|(at, key)| key.is_empty() || one(key, stored.get(at).map(String::as_str).unwrap_or_default())),
    }
}

#[test]
fn numbers_are_compared_as_numbers() {
    yes(VR::IS, "7", "007 ");
    yes(VR::IS, "+7", "7");
    yes(VR::DS, "1.50", "1.5");
    yes(VR::DS, "2e0", "2");
    no(VR::IS, "7", "70");
    yes(VR::US, "512", "512");
    yes(VR::UV, "18446744073709551615", "18446744073709551615");
    no(VR::UV, "18446744073709551615", "18446744073709551614");
    no(VR::DS, "1", "nan");
    assert_eq!(Key::new(VR::DS, "inf", Extended::default()), Err(KeyFault::Number));
}

#[test]
fn dates() {
    yes(VR::DA, "20260301", "20260301");
    yes(VR::DA, "20260301", "2026.03.01");
    no(VR::DA, "20260301", "20260302");
    yes(VR::DA, "20260201-20260301", "20260201");
    yes(VR::DA, "20260201-20260301", "20260301");
    no(VR::DA, "20260201-20260301", "20260302");
    yes(VR::DA, "-20260301", "19000101");
    yes(VR::DA, "20260301-", "99991231");
    no(VR::DA, "20260301-", "20260228");
    no(VR::DA, "20260301-", "garbage");
    for bad in ["2026", "20261301", "20260230", "-", "20260101-x", "20260101--", "２０２６0101"] {
        assert_eq!(Key::new(VR::DA, bad, Extended::default()), Err(KeyFault::Temporal), "{bad}");
    }
}

#[test]
fn times_of_lower_precision_are_spans() {
    yes(VR::TM, "10", "103000.5");
    yes(VR::TM, "1030", "103059.999999");
    no(VR::TM, "1030", "1031");
    yes(VR::TM, "1000-1100", "1100");
    yes(VR::TM, "1000-1100", "110059");
    no(VR::TM, "1000-1100", "1101");
    yes(VR::TM, "-0800", "00");
    yes(VR::TM, "10:30:00", "103000");
    no(VR::TM, "103000.1", "103000.2");
    for bad in ["1", "24", "1060", "103000.", "1030.5", "10:3", "103061"] {
        assert_eq!(Key::new(VR::TM, bad, Extended::default()), Err(KeyFault::Temporal), "{bad}");
    }
}

#[test]
fn date_times_know_offsets_and_hyphens() {
    yes(VR::DT, "2026", "20260704103000");
    no(VR::DT, "2026", "20270101");
    yes(VR::DT, "202602", "20260228235959.999999");
    no(VR::DT, "202602", "20260301");
    yes(VR::DT, "20260301100000+0100", "20260301090000+0000");
    yes(VR::DT, "20260301040000-0500", "20260301090000+0000");
    yes(VR::DT, "2026-2027", "20270630");
    no(VR::DT, "2026-2027", "2028");
    yes(VR::DT, "20260301040000-0500-20260301060000-0500", "20260301100000+0000");
    no(VR::DT, "20260301040000-0500-20260301060000-0500", "20260301120000+0000");
    yes(VR::DT, "-2026", "1999");
    yes(VR::DT, "2026-", "2026");
    let berlin = Extended { offset: 60, ..Extended::default() };
    let key = Key::new(VR::DT, "20260301100000", berlin).unwrap();
    assert!(key.matches("20260301090000+0000") && key.matches("20260301100000"));
    for bad in ["202613", "2026.5", "20260101000000+9900x", "20"] {
        assert_eq!(Key::new(VR::DT, bad, Extended::default()), Err(KeyFault::Temporal), "{bad}");
    }
}

#[test]
fn empty_values_are_asked_for_only_where_negotiated() {
    let negotiated = Extended { empty_value: true, ..Extended::default() };
    let key = Key::new(VR::LO, "\"\"", negotiated).unwrap();
    assert!(key.matches("") && key.matches(" ") && !key.matches("x"));
    no(VR::LO, "\"\"", "");
}

#[test]
fn what_is_too_much_is_refused() {
    let long = "A".repeat(MAX_KEY + 1);
    assert_eq!(Key::new(VR::LO, &long, Extended::default()), Err(KeyFault::TooLong));
    let many = "A\\".repeat(MAX_VALUES);
    assert_eq!(Key::new(VR::LO, &many, Extended::default()), Err(KeyFault::TooLong));
    assert_eq!(Key::new(VR::OW, "A", Extended::default()), Err(KeyFault::Kind));
    assert_eq!(Key::new(VR::SQ, "A", Extended::default()), Err(KeyFault::Kind));

    let mut deep = Identifier::default();
    for level in 1..MAX_DEPTH {
        let mut above = Identifier::default();
        above.item(SEQUENCE, deep).unwrap_or_else(|_| panic!("level {level}"));
        deep = above;
    }
    assert_eq!(Identifier::default().item(SEQUENCE, deep), Err(KeyFault::Nested));
    let mut wide = Identifier::default();
    for _ in 0..MAX_KEYS {
        wide.key(NAME, VR::PN, "").unwrap();
    }
    assert_eq!(wide.key(NAME, VR::PN, ""), Err(KeyFault::Nested));
}

const NAME: Tag = Tag(0x0010, 0x0010);
const SEQUENCE: Tag = Tag(0x0040, 0x0100);
const MODALITY: Tag = Tag(0x0008, 0x0060);
const DATE: Tag = Tag(0x0008, 0x0020);
const TIME: Tag = Tag(0x0008, 0x0030);

#[derive(Default)]
struct Object {
    texts: BTreeMap<Tag, String>,
    items: BTreeMap<Tag, Vec<Object>>,
}

impl Object {
    fn with(mut self, tag: Tag, text: &str) -> Self {
        self.texts.insert(tag, text.to_owned());
        self
    }
}

impl Attributes for Object {
    fn text(&self, tag: Tag) -> Option<Cow<'_, str>> {
        self.texts.get(&tag).map(|text| Cow::Borrowed(text.as_str()))
    }
    fn some_item(&self, tag: Tag, fits: &mut dyn FnMut(&dyn Attributes) -> bool) -> bool {
        self.items.get(&tag).into_iter().flatten().any(|item| fits(item))
    }
}

#[test]
fn one_item_must_fit_all_keys_of_an_item() {
    let mut object = Object::default();
    let step = |modality, name| Object::default().with(MODALITY, modality).with(NAME, name);
    object.items.insert(SEQUENCE, vec![step("CT", "A"), step("MR", "B")]);
    let query = |modality: &str, name: &str| {
        let mut item = Identifier::default();
        item.key(MODALITY, VR::CS, modality).unwrap();
        item.key(NAME, VR::PN, name).unwrap();
        let mut query = Identifier::default();
        query.item(SEQUENCE, item).unwrap();
        query
    };
    assert!(query("CT", "A").matches(&object));
    assert!(query("MR", "").matches(&object));
    assert!(!query("CT", "B").matches(&object), "keys of different items do not add up");
    assert!(query("", "").matches(&Object::default()), "an item that asks nothing is universal");
    assert!(!query("CT", "").matches(&Object::default()));
}

#[test]
fn combined_ranges_run_from_the_first_time_to_the_last() {
    let query = |combined_datetime| {
        let mut query = Identifier::new(Extended { combined_datetime, ..Extended::default() });
        query.key(DATE, VR::DA, "20260705-20260707").unwrap();
        query.key(TIME, VR::TM, "1000-1800").unwrap();
        query
    };
    let at = |date, time| Object::default().with(DATE, date).with(TIME, time);
    for (date, time, apart, together) in [
        ("20260705", "0900", false, false),
        ("20260705", "1000", true, true),
        ("20260706", "0300", false, true),
        ("20260706", "2300", false, true),
        ("20260707", "180059", true, true),
        ("20260707", "1801", false, false),
        ("20260704", "1200", false, false),
    ] {
        assert_eq!(query(false).matches(&at(date, time)), apart, "{date} {time} apart");
        assert_eq!(query(true).matches(&at(date, time)), together, "{date} {time} together");
    }
    let mut lone = Identifier::new(Extended { combined_datetime: true, ..Extended::default() });
    lone.key(TIME, VR::TM, "1000-1800").unwrap();
    lone.key(DATE, VR::DA, "").unwrap();
    assert!(lone.matches(&at("20260101", "1200")) && !lone.matches(&at("20260101", "1900")));
}

#[test]
fn the_character_set_and_level_are_no_keys() {
    let mut query = Identifier::default();
    query.key(Tag(0x0008, 0x0005), VR::CS, "ISO_IR 192").unwrap();
    query.key(Tag(0x0008, 0x0052), VR::CS, "STUDY").unwrap();
    assert!(query.is_universal() && query.matches(&Object::default()));
}

#[test]
fn a_hostile_pattern_costs_no_more_than_its_size() {
    let pattern = Pattern::wild(&"*a".repeat(1000));
    let started = std::time::Instant::now();
    assert!(!pattern.matches(&format!("{}b", "a".repeat(4000))));
    // At worst 2,000 x 4,000 steps; trying every star anew would not end in this universe.
    assert!(started.elapsed().as_secs() < 20);
}

/// The definition itself, by recursion.
fn glob(pattern: &[char], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some(('*', rest)), _) => glob(rest, text) || text.split_first().is_some_and(|(_, t)| glob(pattern, t)),
        (Some(('?', rest)), Some((_, t))) => glob(rest, t),
        (Some((p, rest)), Some((c, t))) => p == c && glob(rest, t),
        _ => false,
    }
}

fn chars(set: &'static [char], most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(set), 0..most).prop_map(|chars| chars.into_iter().collect())
}

proptest! {
    #[test]
    fn the_matcher_agrees_with_the_definition(pattern in chars(&['a', 'b', '*', '?'], 9), text in chars(&['a', 'b'], 9)) {
        let slow = glob(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>());
        prop_assert_eq!(Pattern::wild(&pattern).matches(&text), slow);
    }

    #[test]
    fn names_are_matched_by_their_definition(
        key in chars(&['a', 'B', '^', '^', '=', '*', '?', ' '], 8), stored in chars(&['A', 'b', 'a', '^', '=', ' '], 8),
    ) {
        prop_assert_eq!(fits(VR::PN, &key, &stored), names(&key, &stored));
    }

    /// Several values of a key are all found among the values, in any order; padding does not count.
    #[test]
    fn lists_are_matched_by_their_definition(
        key in prop::collection::vec(chars(&['a', 'b', '*', '?'], 3), 1..4),
        stored in prop::collection::vec(chars(&['a', 'b'], 3), 1..4),
        pad in any::<bool>(),
    ) {
        let of = |text: &String| text.chars().collect::<Vec<_>>();
        let asked: Vec<&String> = key.iter().filter(|value| !value.is_empty()).collect();
        let nothing = stored.iter().all(String::is_empty);
        let universal = key.len() == 1 && key[0].chars().all(|c| c == '*');
        let all = asked.iter().all(|key| stored.iter().any(|value| glob(&of(key), &of(value))));
        // Nothing but delimiters is still a value, of empty ones.
        let absent = nothing && stored.len() == 1;
        let pad = if pad { " " } else { "" };
        let (key, stored) = (key.join("\\"), stored.join(&format!("{pad}\\")));
        prop_assert_eq!(fits(VR::CS, &key, &format!("{stored}{pad}")), universal || !absent && all);
    }

    #[test]
    fn a_value_matches_itself_and_its_star(value in "[A-Za-z0-9^=._-]{1,40}") {
        prop_assert!(fits(VR::LO, &value, &value));
        let star = format!("{value}*");
        prop_assert!(fits(VR::LO, &star, &value));
        if !value.chars().all(|c| matches!(c, '^' | '=')) {
            prop_assert!(fits(VR::PN, &value, &value.to_uppercase()));
        }
    }

    #[test]
    fn any_key_and_value_is_taken_without_panic(key in any::<String>(), value in any::<String>(), at in 0..12_usize) {
        let vr = [VR::LO, VR::PN, VR::UI, VR::DA, VR::TM, VR::DT, VR::IS, VR::DS, VR::LT, VR::AT, VR::UC, VR::UR][at];
        if let Ok(key) = Key::new(vr, &key, Extended::default()) {
            key.matches(&value);
        }
    }

    #[test]
    fn temporal_keys_of_digits_are_taken_without_panic(key in "[0-9.:+-]{0,40}", value in "[0-9.:+-]{0,30}", at in 0..3_usize) {
        if let Ok(key) = Key::new([VR::DA, VR::TM, VR::DT][at], &key, Extended { offset: i16::MIN, ..Extended::default() }) {
            key.matches(&value);
        }
    }

    #[test]
    fn a_date_lies_in_a_range_as_it_lies_in_the_calendar(days in prop::array::uniform3(0..40_000_i32)) {
        let date = |day: i32| jiff::civil::date(1950, 1, 1).checked_add(jiff::Span::new().days(day)).unwrap().strftime("%Y%m%d").to_string();
        let [a, b, c] = days;
        let range = format!("{}-{}", date(a), date(b));
        prop_assert_eq!(fits(VR::DA, &range, &date(c)), a <= c && c <= b);
    }
}

mod charset {
    use super::super::charset::CharacterFault;
    use super::super::{CharacterSet, Extended, Key};
    use dicom_core::VR;

    #[track_caller]
    fn decodes(term: &str, bytes: &[u8], text: &str) {
        assert_eq!(CharacterSet::of(term.as_bytes()).unwrap().decode(bytes).unwrap(), text, "{term}");
    }

    #[test]
    fn each_set_has_its_letters() {
        decodes("", b"Doe^John", "Doe^John");
        decodes("ISO_IR 6", b"Doe", "Doe");
        decodes("ISO_IR 100", b"Buc^J\xe9r\xf4me", "Buc^Jérôme");
        decodes("ISO_IR 101", b"W\xb3odarczyk", "Włodarczyk");
        decodes("ISO_IR 109", b"\xa1", "Ħ");
        decodes("ISO_IR 110", b"\xe0", "ā");
        decodes("ISO_IR 144", b"\xbb\xee\xda\x63\x65\xdc\xd1yp\xd3", "Люкceмбypг");
        decodes("ISO_IR 127", b"\xe2\xc8\xc7\xe6\xea", "قباني");
        decodes("ISO_IR 126", b"\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "Διονυσιος");
        decodes("ISO_IR 138", b"\xf9\xf8\xe5\xef", "שרון");
        decodes("ISO_IR 148", b"\xc7avu\xfeo\xf0lu", "Çavuşoğlu");
        decodes("ISO_IR 166", b"\xca\xc1\xaa\xd2\xc2", "สมชาย");
        decodes("ISO_IR 13", b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3", "ﾔﾏﾀﾞ^ﾀﾛｳ");
        decodes("ISO_IR 192", "Wang^XiaoDong=王^小东".as_bytes(), "Wang^XiaoDong=王^小东");
        decodes("GB18030 ", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab", "Wang^XiaoDong=王^小东");
        decodes("ISO 2022 IR 100", b"J\xe9", "Jé");
        decodes("\\ISO 2022 IR 87", b"Yamada^Tarou", "Yamada^Tarou");
    }

    #[test]
    fn what_is_no_character_is_a_fault_and_never_a_guess() {
        let fault = |term: &str, bytes: &[u8]| CharacterSet::of(term.as_bytes()).unwrap().decode(bytes).unwrap_err();
        assert_eq!(fault("", b"J\xe9"), CharacterFault::Undefined);
        assert_eq!(fault("ISO_IR 100", b"\x80"), CharacterFault::Undefined);
        assert_eq!(fault("ISO_IR 148", b"\x80"), CharacterFault::Undefined);
        assert_eq!(fault("ISO_IR 192", b"J\xe9"), CharacterFault::Undefined);
        assert_eq!(fault("GB18030", b"\x81"), CharacterFault::Undefined);
        assert_eq!(fault("\\ISO 2022 IR 149", b"Yamada=\x1b$B;3ED\x1b(B"), CharacterFault::Escape);
        assert_eq!(fault("ISO_IR 192", b"Yamada=\x1b$B;3ED\x1b(B"), CharacterFault::Escape);
        assert_eq!(CharacterSet::of(b"ISO_IR 999\n"), Err(CharacterFault::Unknown("ISO_IR 999".to_owned())),);
        assert!(CharacterSet::of(b"latin1").is_err());
    }

    #[test]
    fn a_backslash_byte_inside_a_character_divides_nothing() {
        // 81H 5CH is one GB18030 character.
        let decoded = CharacterSet::of(b"GB18030").unwrap().decode(b"\x81\x5c").unwrap().into_owned();
        assert_eq!(decoded.chars().count(), 1);
        let key = Key::new(VR::LO, "?", Extended::default()).unwrap();
        assert!(key.matches(&decoded));
    }
}

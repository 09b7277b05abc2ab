use super::check::CheckValue;
use super::environment;
use super::fault::Problem;
use super::file::{Content, KeyText, Wrapped, Wrapping};
use super::manifest::{End, Entry, Manifest};
use crate::vault::KeyId;
use crate::vault::suite::Key256;
use base64::Engine as _;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

fn key(byte: u8) -> Key256 {
    Key256::new(&[byte; 32])
}

#[test]
fn a_check_value_is_what_any_hmac_makes_of_the_key() {
    // printf 'dicomgate ring check' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0101..01
    assert_eq!(CheckValue::of(&key(1)).to_string(), CHECK_OF_ONES);
    assert_ne!(CheckValue::of(&key(1)), CheckValue::of(&key(2)));
}

const CHECK_OF_ONES: &str = "9b781d3cef478839";

#[test]
fn a_key_file_is_written_as_it_is_read() {
    let check = CheckValue::of(&key(7));
    let text = KeyText { id: KeyId(12), content: Content::Key(key(7)), check }.text();
    assert!(text.starts_with("dicomgate ring key 12\n#"), "{}", *text);
    let read = KeyText::parse(&text).unwrap();
    assert_eq!((read.id, read.check), (KeyId(12), check));
    assert!(matches!(read.content, Content::Key(read) if read == key(7)));
    for how in Wrapping::ALL {
        let wrapped = Wrapped { how, bytes: vec![1, 2, 3] };
        let text = KeyText { id: KeyId(1), content: Content::Wrapped(wrapped.clone()), check }.text();
        assert!(matches!(KeyText::parse(&text).unwrap().content, Content::Wrapped(read) if read == wrapped));
    }
}

#[test]
fn a_key_may_stand_there_in_base64_and_in_capitals() {
    let check = CheckValue::of(&key(0xab));
    let base64 = base64::engine::general_purpose::STANDARD.encode([0xab; 32]);
    for written in [base64, "AB".repeat(32), "ab".repeat(32)] {
        let text = format!("# from the safe\n\ndicomgate ring key 3\nkey: {written}\n# and\ncheck: {check}\n");
        let read = KeyText::parse(&text).unwrap();
        assert!(matches!(read.content, Content::Key(read) if read == key(0xab)), "{written}");
    }
}

#[test]
fn what_is_no_key_file_is_told_apart_without_showing_the_key() {
    let digits = "5a".repeat(32);
    let good = format!("dicomgate ring key 1\nkey: {digits}\ncheck: 0123456789abcdef\n");
    assert!(KeyText::parse(&good).is_ok());
    let mut words = std::collections::BTreeSet::new();
    for bad in [
        good.replace("ring key 1", "ring key 0"),
        good.replace("key: 5a", "key: "),
        good.replace("key: 5a", "key: z"),
        good.replace("check: 01", "check: "),
        good.replace("check", "chekc"),
        good.replace("check: 0123456789abcdef\n", ""),
        good.replace("\nkey:", "\n# key:"),
        format!("{good}key: {digits}\n"),
        good.replace(&format!("key: {digits}"), "wrapped: rot13 AAAA"),
        good.replace(&format!("key: {digits}"), "wrapped: aes-gcm"),
        good.replace(&format!("key: {digits}"), "wrapped: aes-gcm !!"),
        good.replace("check: ", "check "),
    ] {
        let fault = KeyText::parse(&bad).unwrap_err();
        assert!(!fault.contains("5a5a"), "{fault}");
        words.insert(fault);
    }
    assert!(words.len() > 8, "{words:?}");
}

#[test]
fn the_environment_holds_numbers_and_keys() {
    let hex = |byte: u8| format!("{byte:02x}").repeat(32);
    let two = format!("1:{}, 2:{}", hex(1), hex(2));
    let keys = environment::parse("RING", Some(&two)).unwrap();
    assert_eq!(keys, [(KeyId(1), key(1)), (KeyId(2), key(2))]);
    assert!(environment::parse("RING", Some("")).unwrap().is_empty());
    for bad in [hex(1), format!("0:{}", hex(1)), format!("1:{},1:{}", hex(1), hex(2)), "1:abc".to_owned()] {
        let fault = environment::parse("RING", Some(&bad)).unwrap_err().to_string();
        assert!(fault.contains("`RING`") && !fault.contains("0101"), "{fault}");
    }
    assert!(environment::parse("RING", None).unwrap_err().to_string().contains("is not set"));
}

#[test]
fn a_manifest_comes_back_as_it_was_written_and_gives_every_number_once() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Manifest::read(folder.path()).unwrap(), None);
    let at = jiff::Timestamp::from_second(1_800_000_000).unwrap();
    let mut manifest = Manifest::default();
    assert_eq!(manifest.next(), KeyId(1));
    for (id, end) in [(3, None), (1, Some((End::Destroyed, at))), (2, Some((End::Forgotten, at)))] {
        manifest.insert(Entry {
            id: KeyId(id),
            check: Some(CheckValue::of(&key(u8::try_from(id).unwrap()))),
            made: at,
            seals: Some(at),
            end,
        });
    }
    assert_eq!(manifest.next(), KeyId(4));
    assert_eq!(manifest.lacks([KeyId(0), KeyId(3), KeyId(4)]), [Problem::Stranger(KeyId(4))]);
    manifest.insert(Entry { id: KeyId(5), check: None, made: at, seals: None, end: Some((End::Forgotten, at)) });
    manifest.write(folder.path()).unwrap();
    assert_eq!(Manifest::read(folder.path()).unwrap(), Some(manifest));
    let path = Manifest::path(folder.path());
    let good = std::fs::read_to_string(&path).unwrap();
    for bad in [
        good.replace("\"version\": 1", "\"version\": 2"),
        good.replace("\"id\": 2", "\"id\": 1"),
        good.replace("\"id\": 1", "\"id\": 0"),
        good.replace("\"made\"", "\"maed\""),
        good.replace("destroyed", "vanished"),
        good.replace(&CheckValue::of(&key(3)).to_string(), "0"),
        good.replace(&format!("\"check\": \"{}\",", CheckValue::of(&key(3))), ""),
        good.chars().take(40).collect(),
    ] {
        std::fs::write(&path, &bad).unwrap();
        let fault = Manifest::read(folder.path()).unwrap_err().to_string();
        assert!(fault.contains("is damaged"), "{bad}: {fault}");
    }
}

#[test]
fn a_key_that_the_manifest_may_have_is_not_taken_back() {
    use super::change::entered;
    let folder = tempfile::tempdir().unwrap();
    let at = jiff::Timestamp::from_second(1_800_000_000).unwrap();
    assert!(!entered(folder.path(), KeyId(1)));
    let mut manifest = Manifest::default();
    let check = Some(CheckValue::of(&key(1)));
    manifest.insert(Entry { id: KeyId(1), check, made: at, seals: Some(at), end: None });
    manifest.write(folder.path()).unwrap();
    assert!(entered(folder.path(), KeyId(1)) && !entered(folder.path(), KeyId(2)));
    std::fs::write(Manifest::path(folder.path()), "{").unwrap();
    assert!(entered(folder.path(), KeyId(2)), "nobody knows");
}

#[test]
fn a_token_that_hangs_is_waited_for_so_long_and_no_longer() {
    use super::token::within;
    let limit = std::time::Duration::from_millis(20);
    let (release, held) = std::sync::mpsc::channel::<()>();
    let hangs = within(limit, "token `ring`", move || Ok(held.recv().is_ok()));
    assert!(hangs.unwrap_err().to_string().contains("token `ring` does not answer"));
    drop(release);
    assert_eq!(within(std::time::Duration::from_secs(60), "token `ring`", || Ok(7)), Ok(7));
}

#[test]
fn what_was_rotated_away_never_seals_again() {
    let at = |second| jiff::Timestamp::from_second(second).unwrap();
    let mut manifest = Manifest::default();
    assert_eq!(manifest.newest(), None);
    for id in 1..=3 {
        let check = Some(CheckValue::of(&key(u8::try_from(id).unwrap())));
        manifest.insert(Entry { id: KeyId(id), check, made: at(id.into()), seals: Some(at(id.into())), end: None });
    }
    assert_eq!(manifest.newest(), Some(KeyId(3)));
    manifest.get_mut(KeyId(3)).unwrap().seals = None;
    assert_eq!(manifest.newest(), Some(KeyId(2)), "made for later");
    let folder = tempfile::tempdir().unwrap();
    manifest.write(folder.path()).unwrap();
    assert_eq!(Manifest::read(folder.path()).unwrap().as_ref(), Some(&manifest));
    manifest.get_mut(KeyId(3)).unwrap().seals = Some(at(9));
    manifest.write(folder.path()).unwrap();
    assert_eq!(Manifest::read(folder.path()).unwrap().as_ref(), Some(&manifest));
    manifest.get_mut(KeyId(3)).unwrap().end = Some((End::Forgotten, at(10)));
    assert_eq!(manifest.newest(), None);
}

proptest! {
    #[test]
    fn no_text_makes_a_reader_panic(text in "[ -~\n]{0,300}", bytes in any::<Vec<u8>>()) {
        let _ = KeyText::parse(&text);
        let _ = KeyText::parse(&String::from_utf8_lossy(&bytes));
        let _ = environment::parse("RING", Some(&text));
        let _ = KeyText::parse(&format!("dicomgate ring key 1\nkey: {text}"));
        prop_assert!(crate::config::pkcs11::TokenUri::parse(&text).is_err());
        let _ = crate::config::pkcs11::TokenUri::parse(&format!("pkcs11:{text}"));
    }

    #[test]
    fn every_key_survives_its_file(bytes in any::<[u8; 32]>(), id in 1_u32..) {
        let key = Key256::new(&bytes);
        let check = CheckValue::of(&key);
        let text = KeyText { id: KeyId(id), content: Content::Key(key.clone()), check }.text();
        let read = KeyText::parse(&text).unwrap();
        prop_assert_eq!(read.id, KeyId(id));
        prop_assert!(matches!(read.content, Content::Key(read) if read == key));
    }
}

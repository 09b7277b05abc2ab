use super::*;
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

fn parsed(body: &Body) -> serde_json::Value {
    serde_json::from_str(&format!("{{{}}}", std::str::from_utf8(body.as_bytes()).unwrap())).unwrap()
}

#[test]
fn values_from_the_wire_cannot_leave_their_string() {
    let mut body = Body::new("denied", true);
    body.text("calling", "CT1\",\"peer\":\"PACS\n").text("other", b"M\xfcller\\").number("n", u64::MAX).number("z", 0);
    body.status("status", 0x0124).flag("no", false).flag("yes", true).list("empty", Vec::<&str>::new());
    let value = parsed(&body);
    assert_eq!(value["calling"], "CT1\",\"peer\":\"PACS\n");
    assert_eq!(value["other"], "M\\xfcller\\");
    assert_eq!(value["n"], u64::MAX);
    assert_eq!(value["z"], 0);
    assert_eq!(value["status"], "0124H");
    assert_eq!(value.get("no"), None);
    assert_eq!(value["yes"], true);
    assert_eq!(value.get("empty"), None);
    assert!(!std::str::from_utf8(body.as_bytes()).unwrap().contains('\n'));
}

#[test]
fn long_values_and_lists_are_cut_and_say_so() {
    let mut body = Body::new("x", false);
    body.text("long", "ü".repeat(1000)).list("many", std::iter::repeat_n("1.2", 500));
    let value = parsed(&body);
    let long = value["long"].as_str().unwrap();
    assert!(long.ends_with('…') && long.len() <= TEXT + '…'.len_utf8());
    let many = value["many"].as_array().unwrap();
    assert_eq!((many.len(), many[LIST].as_str()), (LIST + 1, Some("…")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn any_bytes_make_one_line_of_json(value in proptest::collection::vec(any::<u8>(), 0..600), number in any::<u64>()) {
        let mut body = Body::new("x", false);
        body.text("value", &value).number("number", number);
        let json = parsed(&body);
        prop_assert!(!body.as_bytes().contains(&b'\n'));
        prop_assert_eq!(json["number"].as_u64(), Some(number));
        if let (Ok(text), true) = (std::str::from_utf8(&value), value.len() <= TEXT) {
            prop_assert_eq!(json["value"].as_str(), Some(text));
        }
    }

    #[test]
    fn hexadecimal_goes_both_ways(bytes in any::<[u8; 32]>()) {
        prop_assert_eq!(unhex::<32>(&hex(&bytes)), Some(bytes));
    }
}

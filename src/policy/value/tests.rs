//! Tests.

use super::{Day, Given, Piece, Value, ValueFault};
use dicom_core::VR;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

fn back(vr: VR, text: &str) -> String {
    Value::parse(vr, text).unwrap_or_else(|fault| panic!("{text}: {fault}")).to_string()
}

#[test]
fn keys_are_taken_as_they_are() {
    for (vr, text) in [
        (VR::LO, "A*B?"),
        (VR::PN, "M*^A*"),
        (VR::CS, "CT"),
        (VR::DA, "20240101-20240131"),
        (VR::DA, "-20240131"),
        (VR::TM, "0700-1200"),
        (VR::UI, "1.2.3"),
        (VR::IS, "7"),
        (VR::LO, "2024-01-01"),
        (VR::LO, ">=7"),
        (VR::LO, "?*"),
    ] {
        assert_eq!(back(vr, text), text);
        assert!(matches!(Value::parse(vr, text), Ok(Value::Key(_))), "{text}");
    }
    assert_eq!(back(VR::DA, "2024-01-31"), "20240131");
}

#[test]
fn what_cannot_be_compared_with_is_said() {
    for (vr, text) in [(VR::LO, ""), (VR::LO, "A\\B"), (VR::LO, "A\nB")] {
        assert!(matches!(Value::parse(vr, text), Err(ValueFault::Text(_))), "{text}");
    }
    for (vr, text) in [(VR::LO, "*"), (VR::PN, "**"), (VR::UI, "*"), (VR::LO, " ")] {
        assert!(matches!(Value::parse(vr, text), Err(ValueFault::Universal(_))), "{text}");
    }
    for (vr, text) in [(VR::DA, "today"), (VR::DA, "20240230"), (VR::IS, "seven"), (VR::TM, "25")] {
        assert!(matches!(Value::parse(vr, text), Err(ValueFault::Key { .. })), "{text}");
    }
}

#[test]
fn days_count_from_today() {
    let today = "2024-03-01".parse().unwrap();
    let Ok(Value::Days { from, until }) = Value::parse(VR::DA, ">= -1d  <=+1d") else { panic!() };
    assert_eq!(from.unwrap().on(today).unwrap().to_string(), "2024-02-29");
    assert_eq!(until.unwrap().on(today).unwrap().to_string(), "2024-03-02");
    assert_eq!(back(VR::DA, "<=2024-12-31 >=20240101"), ">=2024-01-01 <=2024-12-31");
    assert_eq!(back(VR::DT, ">=-0d"), ">=+0d");
    assert_eq!(Day::FromToday(i32::MAX).on(today), None);
    for odd in [">=", ">=5d", ">=-d", ">=+-5d", ">=-5d >=-4d", ">=+1d <=-1d", ">-5d", ">=-5w", ">=-99999999d", ">=-5d,"]
    {
        assert!(matches!(Value::parse(VR::DA, odd), Err(ValueFault::Days(_))), "{odd}");
    }
}

#[test]
fn braces_hold_names_of_values_from_outside() {
    let pieces = |text| match Value::parse(VR::LO, text) {
        Ok(Value::Template(pieces)) => pieces,
        other => panic!("{text}: {other:?}"),
    };
    let person = |name: &str| Piece::Given(Given::Person(name.into()));
    let own = |text: &str| Piece::Text(text.to_owned());
    assert_eq!(pieces("{user.clinic}-*"), [person("user.clinic"), own("-*")]);
    assert_eq!(pieces("a{claim.b.c}{peer.ae_title}"), [own("a"), person("claim.b.c"), Piece::Given(Given::AeTitle)]);
    assert_eq!(pieces("{user.name}"), [person("user.name")]);
    for odd in ["{user.a.b}", "{user.}", "{user.a b}", "{claim..a}", "{}", "{peer.address}", "{role.x}", "{user.*}"] {
        assert!(matches!(Value::parse(VR::LO, odd), Err(ValueFault::Given(_))), "{odd}");
    }
    for odd in ["{user.x", "user.x}", "{{user.x}}", "}{", "{user.x}}"] {
        assert!(matches!(Value::parse(VR::LO, odd), Err(ValueFault::Brace(_) | ValueFault::Given(_))), "{odd}");
    }
}

proptest! {
    #[test]
    fn whatever_is_taken_is_written_and_read_again(text in "[ -~äß<>=+0-9d{}.*?]{0,24}", date in any::<bool>()) {
        let vr = if date { VR::DA } else { VR::LO };
        if let Ok(value) = Value::parse(vr, &text) {
            prop_assert_eq!(Value::parse(vr, &value.to_string()), Ok(value));
        }
    }

    #[test]
    fn days_are_days(days in -80_000_i32..80_000) {
        let text = format!(">={days:+}d");
        let read = Value::parse(VR::DA, &text);
        prop_assert!(read.is_ok() == (-73_000..=73_000).contains(&days), "{text}");
    }
}

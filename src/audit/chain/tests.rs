use super::*;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

fn key() -> IncidentKey {
    IncidentKey::new(&[7; 32], "gate-1")
}

proptest! {
    #[test]
    fn stamps_are_what_jiff_says(micros in -62_135_596_800_000_000_i64..253_402_000_000_000_000) {
        let at = jiff::Timestamp::from_microsecond(micros).unwrap();
        let stamp = Stamp::new(at);
        prop_assert_eq!(std::str::from_utf8(&stamp.0).unwrap(), at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string());
    }

    #[test]
    fn every_linked_line_is_sound_and_any_changed_byte_shows(
        values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 1..8), at in any::<u32>(), pick in any::<proptest::sample::Index>(), flip in 1_u8..=255,
    ) {
        let stamp = Stamp::new(jiff::Timestamp::from_second(i64::from(at)).unwrap());
        let mut head = Head { sequence: 41, hash: [9; 32] };
        for (index, value) in values.iter().enumerate() {
            let mut body = Body::new("test", index % 2 == 0);
            body.text("value", value);
            let mut line = Vec::new();
            let (next, incident) = link(&mut line, head, &stamp, &body, &key());
            prop_assert_eq!(incident.is_some(), index % 2 == 0);
            prop_assert_eq!(line.pop(), Some(b'\n'));
            prop_assert_eq!(place(&line), Some(Place { sequence: head.sequence + 1, previous: head.hash, hash: next.hash, sound: true }));
            let json: serde_json::Value = serde_json::from_slice(&line).unwrap();
            prop_assert_eq!(json["seq"].as_u64(), Some(next.sequence));
            let spot = pick.index(line.len());
            line[spot] ^= flip;
            let seen = place(&line);
            prop_assert!(seen.is_none_or(|seen| !seen.sound || seen.hash == next.hash && flip == 0x20));
            head = next;
        }
    }
}

#[test]
fn an_anchor_reads_back() {
    let head = Head { sequence: 812_345, hash: [0xab; 32] };
    assert_eq!(head.to_string().parse(), Ok(head));
    assert_eq!("12".parse::<Head>(), Err(HeadFault));
    assert_eq!("12:abcd".parse::<Head>(), Err(HeadFault));
}

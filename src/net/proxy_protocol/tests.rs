use super::*;
use proptest::prelude::*;

fn v2(version: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = ppp::v2::PROTOCOL_PREFIX.to_vec();
    bytes.extend([version, family]);
    bytes.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
    bytes.extend(body);
    bytes
}

fn header(source: Option<&str>, consumed: usize) -> Parsed {
    Parsed::Header { source: source.map(|text| text.parse().unwrap()), consumed }
}

const V4_BODY: [u8; 12] = [10, 20, 0, 11, 10, 0, 0, 1, 0xd4, 0x31, 0x0a, 0xca];

#[test]
fn both_versions_name_the_caller() {
    let line = b"PROXY TCP4 10.20.0.11 10.0.0.1 54321 2762\r\n";
    assert_eq!(parse(line), header(Some("10.20.0.11:54321"), line.len()));
    let line6 = b"PROXY TCP6 2001:db8::7 2001:db8::1 1 2762\r\n";
    assert_eq!(parse(line6), header(Some("[2001:db8::7]:1"), line6.len()));
    let mapped = b"PROXY TCP6 ::ffff:10.20.0.11 ::1 1 2\r\n";
    assert_eq!(parse(mapped), header(Some("10.20.0.11:1"), mapped.len()));
    assert_eq!(parse(&v2(0x21, 0x11, &V4_BODY)), header(Some("10.20.0.11:54321"), 28));
    let mut six = [0u8; 36];
    six[15] = 7;
    six[33] = 9;
    assert_eq!(parse(&v2(0x21, 0x21, &six)), header(Some("[::7]:9"), 52));
}

#[test]
fn what_follows_the_header_is_left_alone() {
    let line = b"PROXY TCP4 10.20.0.11 10.0.0.1 54321 2762\r\n";
    let mut bytes = line.to_vec();
    bytes.extend([0x16, 0x03, 0x01, b'\r', b'\n']);
    assert_eq!(parse(&bytes), header(Some("10.20.0.11:54321"), line.len()));
    let mut bytes = v2(0x21, 0x11, &V4_BODY);
    bytes.extend([0x16, 0x03]);
    assert_eq!(parse(&bytes), header(Some("10.20.0.11:54321"), 28));
}

#[test]
fn a_balancers_own_checks_name_nobody() {
    assert_eq!(parse(b"PROXY UNKNOWN\r\n"), header(None, 15));
    assert_eq!(parse(b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"), header(None, 35));
    assert_eq!(parse(&v2(0x20, 0x00, &[])), header(None, 16));
    assert_eq!(parse(&v2(0x20, 0x11, &V4_BODY)), header(None, 28));
}

#[test]
fn tlvs_are_skipped_up_to_a_limit() {
    let mut body = V4_BODY.to_vec();
    body.resize(MAX_V2_BODY, 4);
    assert_eq!(parse(&v2(0x21, 0x11, &body)), header(Some("10.20.0.11:54321"), MAX_HEADER));
    body.push(0);
    assert!(matches!(parse(&v2(0x21, 0x11, &body)), Parsed::Invalid(_)));
    // already when the head is there, before anything of that length is waited for
    assert!(matches!(parse(&v2(0x21, 0x11, &body)[..16]), Parsed::Invalid(_)));
}

#[test]
fn everything_else_is_refused() {
    for wrong in [
        &b"\x16\x03\x01\x02\x00"[..],
        b"GET / HTTP/1.1\r\n",
        b"PROXX",
        b"PROXY TCP4 10.20.0.11 10.0.0.1 54321 2762\n",
        b"PROXY TCP4 10.20.0.11 10.0.0.1 +5432 2762\r\n",
        b"PROXY TCP4 10.20.0.11 10.0.0.1 054 2762\r\n",
        b"PROXY TCP4 10.20.0.11 10.0.0.1 70000 2762\r\n",
        b"PROXY TCP4 10.20.0.11  10.0.0.1 1 2762\r\n",
        b"PROXY TCP4 2001:db8::7 10.0.0.1 1 2762\r\n",
        b"PROXY TCP4 10.20.0.11\r\n",
        b"PROXY TCP4 10.20.0.11 10.0.0.1 1 2 3\r\n",
        b"PROXY TCP4 10.20.0.11 10.0.0.1 1 2\r2\r\n",
        b"PROXY TCP5 10.20.0.11 10.0.0.1 1 2\r\n",
        b"PROXY \r\n",
    ] {
        assert!(matches!(parse(wrong), Parsed::Invalid(_)), "{}", String::from_utf8_lossy(wrong));
    }
    let endless = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200]].concat();
    assert!(matches!(parse(&endless), Parsed::Invalid(_)));
    for (version, family, body) in [
        (0x11, 0x11, &V4_BODY[..]),
        (0x22, 0x11, &V4_BODY),
        (0x21, 0x12, &V4_BODY),
        (0x21, 0x41, &V4_BODY),
        (0x21, 0x11, &V4_BODY[..11]),
        (0x21, 0x21, &V4_BODY),
    ] {
        assert!(matches!(parse(&v2(version, family, body)), Parsed::Invalid(_)), "{version:02x} {family:02x}");
    }
}

proptest! {
    /// Cut anywhere, a good header is never anything but incomplete, so byte by byte gives what all at once gives.
    #[test]
    fn a_cut_header_is_incomplete(cut in 0usize..28, v1_port in 1u16.., six in any::<bool>()) {
        let line = if six { format!("PROXY TCP6 2001:db8::7 ::1 {v1_port} 1\r\n") } else { format!("PROXY TCP4 10.1.2.3 10.0.0.1 {v1_port} 1\r\n") };
        for whole in [line.into_bytes(), v2(0x21, 0x11, &V4_BODY)] {
            prop_assert_eq!(parse(&whole[..cut.min(whole.len() - 1)]), Parsed::Incomplete);
        }
    }

    /// Never a panic, never more consumed than came, never waiting beyond the limit.
    #[test]
    fn any_bytes(tail in proptest::collection::vec(any::<u8>(), 0..700), start in 0usize..3) {
        let bytes = [[&b""[..], b"PROXY ", ppp::v2::PROTOCOL_PREFIX][start], tail.as_slice()].concat();
        match parse(&bytes) {
            Parsed::Incomplete => prop_assert!(bytes.len() < MAX_HEADER),
            Parsed::Header { consumed, .. } => prop_assert!(consumed <= bytes.len()),
            Parsed::Invalid(_) => {}
        }
    }
}

use super::*;
use proptest::prelude::*;

fn header() -> SegmentHeader {
    let patient = PatientIdentity {
        id: Phi::new(b"4711".to_vec()),
        name: Phi::new("M\u{fc}ller^Eva 100%".into()),
        birth_date: Phi::new(b"19700101".to_vec()),
        accession: Phi::new(Vec::new()),
    };
    let identity = Identity {
        sop_class: Uid::new("1.2.840.10008.5.1.4.1.1.2").unwrap(),
        sop_instance: Uid::new("1.2.3.4").unwrap(),
        study: Some(Uid::new("1.2.3").unwrap()),
        patient,
        transfer_syntax: Uid::new("1.2.840.10008.1.2.1").unwrap(),
    };
    SegmentHeader::new(SealId([0xab; 16]), &identity, b"\\ISO 2022 IR 87")
}

#[test]
fn it_is_text_that_says_whose_it_is() {
    let header = header();
    let length = header.length_in_seal();
    let written = header.write(length);
    assert_eq!(written.len(), length);
    let expected = format!(
        "dicomgate seal 1 {length:06}\nseal: {}\nsegment: 0\nlast: no\nsop-class: 1.2.840.10008.5.1.4.1.1.2\n\
         sop-instance: 1.2.3.4\nstudy: 1.2.3\npatient-id: 4711\npatient-name: M%C3%BCller^Eva 100%25\n\
         birth-date: 19700101\naccession: \ntransfer-syntax: 1.2.840.10008.1.2.1\ncharacter-set: \\ISO 2022 IR 87\n\
         recipients: {}\n\n",
        "ab".repeat(16),
        "00".repeat(32)
    );
    let text = String::from_utf8(written).unwrap();
    let padding = text.strip_prefix(&expected).unwrap_or_else(|| panic!("{text}"));
    assert_eq!(padding.trim_start_matches(' '), "\n");
    assert_eq!(SegmentHeader::parse(text.as_bytes()), Ok((header, length)));
}

#[test]
fn every_segment_of_a_seal_has_the_same_length() {
    let mut header = header();
    let length = header.length_in_seal();
    for segment in [0, 9, 10, 4_294_967_295] {
        for last in [false, true] {
            (header.segment, header.last) = (segment, last);
            let mut written = header.write(length);
            assert_eq!(written.len(), length);
            written.extend_from_slice(b"payload");
            assert_eq!(SegmentHeader::parse(&written), Ok((header.clone(), length)));
        }
    }
}

#[test]
fn what_could_be_written_otherwise_is_refused() {
    let header = header();
    let length = header.length_in_seal();
    let good = String::from_utf8(header.write(length)).unwrap();
    let parse = |text: &str| SegmentHeader::parse(text.as_bytes()).map(|_| ());
    assert_eq!(parse(&good), Ok(()));
    for (from, to, fault) in [
        ("seal 1 ", "seal 2 ", HeaderFault::Version),
        ("seal 1 ", "Seal 1 ", HeaderFault::Version),
        ("seal 1 000", "seal 1 00+", HeaderFault::Length),
        ("seal 1 000", "seal 1 010", HeaderFault::Length),
        ("seal 1 000", "seal 1 999", HeaderFault::Length),
        ("segment: 0", "segment: 00", HeaderFault::Form),
        ("segment: 0", "segment: x", HeaderFault::Line("segment")),
        ("last: no", "last: No", HeaderFault::Form),
        ("\nlast: no", "", HeaderFault::Line("last")),
        ("sop-instance: 1.2.3.4", "sop-instance: 1/2", HeaderFault::Line("sop-instance")),
        ("M%C3%BC", "M%c3%BC", HeaderFault::Line("patient-name")),
        ("M%C3%BC", "%4D%C3%BC", HeaderFault::Line("patient-name")),
        ("100%25", "100%", HeaderFault::Line("patient-name")),
        ("4711", "sha256:00", HeaderFault::Line("patient-id")),
        ("patient-id: 4711", "patient-id: 47\u{fc}", HeaderFault::Line("patient-id")),
        ("abab", "ABab", HeaderFault::Form),
        ("abab", "+bab", HeaderFault::Line("seal")),
        ("\n\n  ", "\n\n x", HeaderFault::Form),
    ] {
        // As long as before, so that what is found is the line.
        let mut text = good.replacen(from, to, 1);
        while text.len() < good.len() {
            text.insert(text.len() - 1, ' ');
        }
        while text.len() > good.len() && text.ends_with(" \n") {
            text.remove(text.len() - 2);
        }
        assert_eq!(parse(&text), Err(fault), "`{from}` to `{to}`");
    }
    assert_eq!(SegmentHeader::parse(&good.as_bytes()[..length - 1]).map(|_| ()), Err(HeaderFault::Length));
    assert_eq!(parse("dicomgate seal 1 000000\n"), Err(HeaderFault::Line("seal")));
    assert_eq!(parse(""), Err(HeaderFault::Version));
}

#[test]
fn long_values_become_digests_and_nothing_else_looks_like_one() {
    assert_eq!(encode(&[b'a'; 256]), "a".repeat(256));
    assert_eq!(encode(&[b'a'; 257]), format!("sha256:{}", hex(&sha256(&[b'a'; 257]))));
    assert_eq!(encode(&[0xff; 86]), format!("sha256:{}", hex(&sha256(&[0xff; 86]))));
    assert_eq!(encode(b"sha256:00"), "%73ha256:00");
}

#[test]
fn drift_names_what_differs_and_never_its_value() {
    let header = header();
    let mut now = PatientIdentity {
        id: Phi::new(b"4711".to_vec()),
        name: Phi::new("M\u{fc}ller^Eva 100%".into()),
        birth_date: Phi::new(b"19700101".to_vec()),
        accession: Phi::default(),
    };
    let study = Uid::new("1.2.3").unwrap();
    let set = b"\\ISO 2022 IR 87";
    assert!(!header.drift(Some(&study), &now, set).any());
    now.name = Phi::new(b"Schmidt^Eva".to_vec());
    now.accession = Phi::new(b"A1".to_vec());
    let drift = header.drift(None, &now, set);
    assert_eq!(drift.names().collect::<Vec<_>>(), ["StudyInstanceUID", "PatientName", "AccessionNumber"]);
}

#[test]
fn the_same_name_in_another_character_set_is_no_drift() {
    let name = |set: &[u8], name: &[u8]| {
        let patient = PatientIdentity { name: Phi::new(name.to_vec()), ..PatientIdentity::default() };
        let identity = Identity {
            sop_class: Uid::new("1.2").unwrap(),
            sop_instance: Uid::new("1.3").unwrap(),
            study: None,
            patient: patient.clone(),
            transfer_syntax: Uid::new("1.4").unwrap(),
        };
        (SegmentHeader::new(SealId([1; 16]), &identity, set), patient)
    };
    let (latin, _) = name(b"ISO_IR 100", b"D\xf6e^Jan\xe9");
    let drifts = |set: &[u8], now: &[u8]| latin.drift(None, &name(set, now).1, set).any();
    assert!(!drifts(b"ISO_IR 100", b"D\xf6e^Jan\xe9"));
    assert!(!drifts(b"ISO_IR 192", "D\u{f6}e^Jan\u{e9}".as_bytes()), "rewritten by the archive");
    assert!(drifts(b"ISO_IR 192", "D\u{f6}e^Jane".as_bytes()));
    assert!(drifts(b"ISO_IR 192", b"D\xf6e^Jan\xe9"), "no text in that set");
    assert!(drifts(b"ISO_IR 999", "D\u{f6}e^Jan\u{e9}".as_bytes()), "nobody knows that set");
    let (long, _) = name(b"ISO_IR 100", &[0xf6; 300]);
    let now = name(b"ISO_IR 192", "\u{f6}".repeat(300).as_bytes()).1;
    assert!(long.drift(None, &now, b"ISO_IR 192").any(), "only its digest is known");
}

proptest! {
    #[test]
    fn whatever_a_patient_is_called_is_read_again(
        name in proptest::collection::vec(any::<u8>(), 0..200),
        id in "[ -~]{0,300}",
        set in proptest::collection::vec(any::<u8>(), 0..40),
        segment: u32, last: bool, recipients: [u8; 32],
    ) {
        let patient = PatientIdentity { id: Phi::new(id.into_bytes()), name: Phi::new(name), ..PatientIdentity::default() };
        let identity = Identity {
            sop_class: Uid::new("1.2").unwrap(), sop_instance: Uid::new("1.3").unwrap(), study: None, patient,
            transfer_syntax: Uid::new("1.4").unwrap(),
        };
        let mut header = SegmentHeader::new(SealId([1; 16]), &identity, &set);
        prop_assert!(!header.drift(None, &identity.patient, &set).any());
        let length = header.length_in_seal();
        prop_assert!(length <= GREATEST_HEADER);
        (header.segment, header.last, header.recipients) = (segment, last, recipients);
        prop_assert_eq!(SegmentHeader::parse(&header.write(length)), Ok((header, length)));
    }

    #[test]
    fn nothing_makes_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), at in 0_usize..700, byte: u8) {
        let _ = SegmentHeader::parse(&bytes);
        let header = header();
        let mut text = header.write(header.length_in_seal());
        if let Some(place) = text.get_mut(at) {
            let same = *place == byte;
            *place = byte;
            let other = SegmentHeader::parse(&text);
            prop_assert!(same == (other == Ok((header.clone(), text.len()))));
        }
    }
}

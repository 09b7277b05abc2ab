use super::*;
use crate::dicom::dataset::write::DataSet;
use crate::dicom::dataset::{WalkFault, WalkLimits, Walker};
use crate::dicom::dimse::{Tolerance, Tolerances};
use crate::dicom::transfer_syntax::Encoding;
use proptest::prelude::*;

const ENCODINGS: [Encoding; 4] = [Encoding::ImplicitLe, Encoding::ExplicitLe, Encoding::ExplicitBe, Encoding::Deflated];
const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
const MR: &str = "1.2.840.10008.5.1.4.1.1.4";

fn uid(text: &str) -> Uid {
    text.parse().unwrap()
}

fn reference(class: &str, instance: &str) -> Reference {
    Reference { class: uid(class), instance: uid(instance), place: None }
}

fn report() -> Report {
    let place = Place {
        retrieve_ae: Some("PACS\\VNA".into()),
        file_set: Some("DISK1".into()),
        file_set_uid: Some(uid("2.25.9")),
    };
    Report {
        transaction: uid("2.25.1"),
        place: Place { retrieve_ae: Some("PACS".into()), ..Place::default() },
        committed: vec![
            Reference { place: Some(Box::new(place)), ..reference(CT, "1.2.3") },
            reference(MR, "1.2.4"),
            reference(CT, "1.2.5"),
        ],
        failed: vec![(reference(MR, "1.2.6"), 0x0110), (reference(CT, "1.2.7"), 0x0213)],
    }
}

fn item(class: &str, instance: &str) -> DataSet {
    DataSet::new().with_uid(CLASS, &uid(class)).with_uid(INSTANCE, &uid(instance))
}

fn set() -> DataSet {
    DataSet::new().with_uid(TRANSACTION, &uid("2.25.1")).with_items(REFERENCED, vec![item(CT, "1.2.3")])
}

fn parse(set: &DataSet) -> Result<Report, ReportFault> {
    read(&set.encode(Encoding::ExplicitLe), Encoding::ExplicitLe, ALL_COMMITTED, MOST_REFERENCES)
}

/// The sink's complaint about a data set that the walker itself lets pass.
fn complaint(set: &DataSet) -> (Tag, &'static str) {
    match parse(set) {
        Err(ReportFault::Walk(WalkFault::Refused(fault))) => (fault.tag, fault.reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_report_reads_as_it_was_written_in_every_encoding() {
    for encoding in ENCODINGS {
        let bytes = report().encode(encoding);
        assert_eq!(bytes.len() % 2, 0);
        assert_eq!(read(&bytes, encoding, FAILURES_EXIST, 5), Ok(report()), "{encoding:?}");
    }
}

#[test]
fn a_report_of_nothing_but_success_has_its_sequence_even_if_that_is_empty() {
    let empty = Report { place: Place::default(), committed: Vec::new(), failed: Vec::new(), ..report() };
    let sequence = [0x08, 0, 0x99, 0x11, 0, 0, 0, 0];
    assert!(empty.encode(Encoding::ImplicitLe).ends_with(&sequence));
    let refused = Report { failed: report().failed, ..empty };
    assert!(!refused.encode(Encoding::ImplicitLe).windows(4).any(|window| window == &sequence[..4]));
}

#[test]
fn the_writing_is_that_of_the_standard() {
    // Two ways of writing, made independently of each other.
    let flat = Report { place: Place::default(), ..report() };
    let flat = Report { committed: vec![reference(CT, "1.2.5")], ..flat };
    let expected = DataSet::new()
        .with_uid(TRANSACTION, &uid("2.25.1"))
        .with_items(
            FAILED,
            vec![item(MR, "1.2.6").with_u16(REASON, 0x0110), item(CT, "1.2.7").with_u16(REASON, 0x0213)],
        )
        .with_items(REFERENCED, vec![item(CT, "1.2.5")]);
    for encoding in [Encoding::ImplicitLe, Encoding::ExplicitLe] {
        assert_eq!(flat.encode(encoding), expected.encode(encoding));
    }
}

#[test]
fn the_transaction_is_known_before_the_first_reference_has_come() {
    for encoding in [Encoding::ImplicitLe, Encoding::ExplicitLe, Encoding::ExplicitBe] {
        let bytes = Report { place: Place::default(), failed: Vec::new(), ..report() }.encode(encoding);
        let mut reader = Reader::of_request(Tolerances::STRICT);
        let mut walker = Walker::new(encoding, WalkLimits::default(), Tolerances::STRICT);
        walker.push(&bytes[..16], &mut reader).unwrap();
        assert_eq!(reader.transaction(), Some(&uid("2.25.1")));
        assert_eq!(reader.references(), 0);
        walker.push(&bytes[16..], &mut reader).unwrap();
        walker.finish().unwrap();
        assert_eq!(reader.end(), Ok(uid("2.25.1")));
        assert_eq!(reader.references(), 3);
        assert!(reader.into_report(ALL_COMMITTED).unwrap().committed.is_empty(), "a request is counted, not kept");
    }
}

#[test]
fn ten_thousand_references_pass_and_the_limit_holds() {
    let committed: Vec<_> = (0..10_000).map(|number| reference(CT, &format!("1.2.3.{number}"))).collect();
    let large = Report { committed, failed: Vec::new(), ..report() };
    let bytes = large.encode(Encoding::ExplicitLe);
    assert_eq!(read(&bytes, Encoding::ExplicitLe, ALL_COMMITTED, 10_000).unwrap(), large);
    let fault = read(&bytes, Encoding::ExplicitLe, ALL_COMMITTED, 9_999).unwrap_err();
    assert_eq!(fault.to_string(), "(0008,1199) makes more references than the limit");
}

#[test]
fn what_may_not_be_seen_comes_back_as_failed() {
    let mut withheld = report();
    assert_eq!(withheld.withhold(|class| *class == uid(MR)), 2);
    assert_eq!(withheld.committed, [reference(MR, "1.2.4")]);
    assert_eq!(
        withheld.failed,
        [
            (reference(MR, "1.2.6"), 0x0110),
            // For another reason than the archive's, which would say that the archive has heard of it.
            (reference(CT, "1.2.7"), NO_SUCH_INSTANCE),
            (reference(CT, "1.2.3"), NO_SUCH_INSTANCE),
            (reference(CT, "1.2.5"), NO_SUCH_INSTANCE),
        ]
    );
    let mut good = Report { failed: Vec::new(), ..report() };
    assert_eq!((good.event_type(), good.withhold(|_| true), good.event_type()), (1, 0, 1));
    assert_eq!((good.withhold(|_| false), good.event_type()), (3, 2));
    assert!(good.committed.is_empty());
}

#[test]
fn failures_that_are_announced_and_not_listed_are_no_success() {
    assert!(parse(&set()).is_ok());
    let bytes = set().encode(Encoding::ExplicitLe);
    assert_eq!(read(&bytes, Encoding::ExplicitLe, FAILURES_EXIST, MOST_REFERENCES), Err(ReportFault::NoFailure));
    // The other way round the list counts, not the number.
    let bytes = report().encode(Encoding::ExplicitLe);
    let read = read(&bytes, Encoding::ExplicitLe, ALL_COMMITTED, MOST_REFERENCES).unwrap();
    assert_eq!(read.event_type(), FAILURES_EXIST);
}

#[test]
fn what_leaves_open_what_it_says_is_refused() {
    let none = DataSet::new().with_items(REFERENCED, vec![item(CT, "1.2.3")]);
    assert_eq!(complaint(&none), (REFERENCED, "stands before the Transaction UID"));
    assert_eq!(parse(&DataSet::new()), Err(ReportFault::NoTransaction));
    assert_eq!(complaint(&set().with(TRANSACTION, b"UI", "")), (TRANSACTION, "is no UID"));
    assert_eq!(complaint(&set().with(TRANSACTION, b"UI", "1.2\\1.3")), (TRANSACTION, "is no UID"));
    assert_eq!(complaint(&set().with(TRANSACTION, b"UI", "1.2.3 ")), (TRANSACTION, "is padded wrongly"));
    assert_eq!(complaint(&set().with(REFERENCED, b"UN", "12345678")), (REFERENCED, "is no sequence"));
    let without = |lacking: DataSet| set().with_items(REFERENCED, vec![item(CT, "1.2.3"), lacking]);
    assert_eq!(complaint(&without(DataSet::new().with_uid(CLASS, &uid(CT)))), (INSTANCE, "is missing in a reference"));
    assert_eq!(complaint(&without(DataSet::new())), (CLASS, "is missing in a reference"));
    assert_eq!(complaint(&without(item(CT, "1.2").with(INSTANCE, b"UI", "1.*"))), (INSTANCE, "is no UID"));
    let failed = |reason| set().with_items(FAILED, vec![item(CT, "1.2").with(REASON, b"US", reason)]);
    assert_eq!(complaint(&failed("1234")), (REASON, "is no number of 16 bits"));
    assert_eq!(parse(&failed("12")).unwrap().failed, [(reference(CT, "1.2"), 0x3231)]);
}

#[test]
fn a_tolerance_for_repeated_elements_does_not_let_a_second_meaning_in() {
    let tolerances = Tolerances::parse(["order", "duplicate"]).unwrap();
    assert!(tolerances.has(Tolerance::Duplicate));
    let twice = [set().encode(Encoding::ExplicitLe), set().encode(Encoding::ExplicitLe)].concat();
    let mut reader = Reader::of_report(tolerances);
    let mut walker = Walker::new(Encoding::ExplicitLe, WalkLimits::default(), tolerances);
    let fault = walker.push(&twice, &mut reader).unwrap_err();
    assert_eq!(fault.to_string(), "(0008,1195) occurs twice, which leaves open what it says");
}

#[test]
fn what_nothing_hangs_on_is_left_out_where_it_is_not_valid() {
    let odd = set()
        .with(RETRIEVE_AE, b"AE", b"PA\x01CS")
        .with(FILE_SET, b"SH", "x".repeat(1000))
        .with(FILE_SET_UID, b"UI", "abc")
        .with(Tag(0x0009, 0x0010), b"LO", "PRIVATE")
        .with_items(Tag(0x0040, 0x0555), vec![item(CT, "1.2.9")]);
    let read = parse(&odd).unwrap();
    assert_eq!(read.place, Place::default());
    assert_eq!(read.committed, [reference(CT, "1.2.3")]);
}

fn any_uid() -> impl Strategy<Value = Uid> {
    "[1-9](\\.[0-9]{1,9}){0,5}".prop_map(|text| uid(&text))
}

fn any_place() -> impl Strategy<Value = Place> {
    let titles = prop::option::of("[A-Z][A-Z0-9_ ]{0,10}[A-Z](\\\\[A-Z]{1,16}){0,2}");
    (titles, prop::option::of("[A-Z]([A-Z0-9]{0,9})"), prop::option::of(any_uid())).prop_map(
        |(retrieve_ae, file_set, file_set_uid)| Place {
            retrieve_ae: retrieve_ae.map(String::into_boxed_str),
            file_set: file_set.map(String::into_boxed_str),
            file_set_uid,
        },
    )
}

fn any_reference() -> impl Strategy<Value = Reference> {
    (any_uid(), any_uid(), prop::option::of(any_place())).prop_map(|(class, instance, place)| {
        let place = place.filter(|place| !place.is_empty()).map(Box::new);
        Reference { class, instance, place }
    })
}

fn any_report() -> impl Strategy<Value = Report> {
    let committed = prop::collection::vec(any_reference(), 0..6);
    let failed = prop::collection::vec((any_reference(), any::<u16>()), 0..6);
    (any_uid(), any_place(), committed, failed).prop_map(|(transaction, place, committed, failed)| Report {
        transaction,
        place,
        committed,
        failed,
    })
}

proptest! {
    #[test]
    fn any_report_comes_back_however_its_bytes_are_split(report in any_report(), cut in any::<prop::sample::Index>()) {
        for encoding in ENCODINGS {
            let bytes = report.encode(encoding);
            prop_assert_eq!(read(&bytes, encoding, report.event_type(), 12), Ok(report.clone()));
            let (first, second) = bytes.split_at(cut.index(bytes.len() + 1));
            let mut reader = Reader::of_report(Tolerances::STRICT);
            let mut walker = Walker::new(encoding, WalkLimits::default(), Tolerances::STRICT);
            for half in [first, second] {
                walker.push(half, &mut reader).unwrap();
            }
            walker.finish().unwrap();
            prop_assert_eq!(reader.into_report(report.event_type()), Ok(report.clone()));
        }
    }

    #[test]
    fn nothing_makes_the_reader_stop_for_another_reason_than_a_fault(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for encoding in ENCODINGS {
            let _ = read(&bytes, encoding, ALL_COMMITTED, 3);
        }
    }
}

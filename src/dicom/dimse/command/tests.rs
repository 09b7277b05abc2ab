use super::*;
use crate::dicom::dataset::part10::Part10;
use crate::dicom::dimse::{StatusKind, Tolerance, Tolerances};
use proptest::prelude::*;

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";

fn uid(text: &str) -> Uid {
    text.parse().unwrap()
}

fn title(text: &str) -> AeTitle {
    text.parse().unwrap()
}

fn element(number: u16, value: &[u8]) -> Vec<u8> {
    let mut out = vec![0, 0];
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&u32::try_from(value.len()).unwrap().to_le_bytes());
    out.extend_from_slice(value);
    out
}

/// A command set of the given elements with a right group length.
fn set(elements: &[(u16, &[u8])]) -> Vec<u8> {
    let body: Vec<u8> = elements.iter().flat_map(|(number, value)| element(*number, value)).collect();
    let mut whole = element(0, &u32::try_from(body.len()).unwrap().to_le_bytes());
    whole.extend(body);
    whole
}

fn strict(bytes: &[u8]) -> Result<Command, CommandFault> {
    Command::decode(bytes, &Tolerances::STRICT)
}

/// Refused strictly, with the tolerance named; and that tolerance alone lets it pass.
#[track_caller]
fn needs(bytes: &[u8], tolerance: Tolerance) -> Command {
    let fault = strict(bytes).unwrap_err();
    assert_eq!(fault.tolerance(), Some(tolerance), "{fault}");
    Command::decode(bytes, &Tolerances::ALL.without(tolerance)).unwrap_err();
    Command::decode(bytes, &Tolerances::STRICT.with(tolerance)).unwrap()
}

#[track_caller]
fn never(bytes: &[u8]) -> CommandFault {
    let fault = strict(bytes).unwrap_err();
    assert_eq!(fault.tolerance(), None, "{fault}");
    Command::decode(bytes, &Tolerances::ALL).unwrap_err()
}

const ECHO: [(u16, &[u8]); 4] =
    [(0x0002, b"1.2.840.10008.1.1\0"), (0x0100, &[0x30, 0]), (0x0110, &[7, 0]), (0x0800, &[1, 1])];

fn echo_with(more: &[(u16, &'static [u8])]) -> Vec<u8> {
    let mut elements = ECHO.to_vec();
    elements.extend_from_slice(more);
    elements.sort_by_key(|(number, _)| *number);
    set(&elements)
}

#[test]
fn an_echo_is_understood() {
    let command = strict(&set(&ECHO)).unwrap();
    assert_eq!((command.field, command.message_id, command.data_set), (Field::EchoRq, Some(7), false));
    assert_eq!(command.sop_class(), Some(&uid("1.2.840.10008.1.1")));
}

#[test]
fn what_is_written_others_read() {
    let command = Command::store_rq(3, &uid(CT), &uid("1.2.3")).moved_for(title("WS1"), 9);
    let (sop_class, sop_instance, transfer_syntax) = (uid(CT), uid("1.2.3"), uid("1.2.840.10008.1.2"));
    let file = Part10 { sop_class, sop_instance, transfer_syntax, data_set: &command.encode() }.join(&uid("1.2"));
    let read = dicom_object::from_reader(&file[..]).unwrap();
    let number = |element| read.element(dicom_core::Tag(0, element)).unwrap().to_int::<u16>().unwrap();
    assert_eq!((number(0x0100), number(0x0110), number(0x1031)), (1, 3, 9));
    assert_ne!(number(0x0800), 0x0101);
    assert_eq!(read.element(dicom_core::Tag(0, 0x1000)).unwrap().to_str().unwrap(), "1.2.3");
    assert_eq!(read.element(dicom_core::Tag(0, 0x1030)).unwrap().to_str().unwrap(), "WS1");
}

#[test]
fn group_length_must_be_there_first_and_right() {
    let good = set(&ECHO);
    needs(&good[12..], Tolerance::GroupLength);
    let mut wrong = good.clone();
    wrong[8] ^= 2;
    needs(&wrong, Tolerance::GroupLength);
}

#[test]
fn elements_ascend_once_each() {
    let mut swapped = ECHO;
    swapped.swap(0, 1);
    assert_eq!(needs(&set(&swapped), Tolerance::Order), strict(&set(&ECHO)).unwrap());
    never(&echo_with(&[(0x0110, &[8, 0])]));
    let mut apart = ECHO.to_vec();
    apart.push((0x0110, &[8, 0]));
    assert!(matches!(Command::decode(&set(&apart), &Tolerances::ALL), Err(CommandFault::Duplicate(_))));
}

#[test]
fn retired_and_foreign_elements_are_ignored_where_tolerated() {
    let plain = strict(&set(&ECHO)).unwrap();
    assert_eq!(needs(&echo_with(&[(0x0001, &[0; 4])]), Tolerance::Retired), plain);
    assert_eq!(needs(&echo_with(&[(0x0010, b"DICOM ")]), Tolerance::Retired), plain);
    assert_eq!(needs(&echo_with(&[(0x0200, b"CT1 ")]), Tolerance::Retired), plain);
    assert_eq!(needs(&echo_with(&[(0x0700, &[0, 0])]), Tolerance::Extra), plain);
    assert_eq!(needs(&echo_with(&[(0x0600, b"EVIL")]), Tolerance::Extra), plain, "the destination is not taken");
    assert_eq!(needs(&echo_with(&[(0x7777, b"ab")]), Tolerance::Extra), plain);
}

#[test]
fn padding_and_odd_lengths_have_names() {
    let with = |value: &'static [u8]| set(&[(0x0002, value), ECHO[1], ECHO[2], ECHO[3]]);
    let plain = strict(&set(&ECHO)).unwrap();
    assert_eq!(needs(&with(b"1.2.840.10008.1.1 "), Tolerance::Padding), plain);
    assert_eq!(needs(&with(b"1.2.840.10008.1.1"), Tolerance::OddLength), plain);
    assert!(matches!(never(&with(b"1.2.840.10008.1.x\0")), CommandFault::Uid { .. }));
    assert_eq!(strict(&with(b"")).unwrap_err().tolerance(), Some(Tolerance::Padding));
    assert!(matches!(Command::decode(&with(b""), &Tolerances::ALL), Err(CommandFault::Missing(..))));
}

#[test]
fn priority_has_a_name_of_its_own() {
    let mut command = Command::find_rq(1, &uid(CT));
    command.priority = None;
    assert_eq!(needs(&command.encode(), Tolerance::Priority), command);
    let mut bytes = Command::find_rq(1, &uid(CT)).encode();
    let at = bytes.windows(4).position(|window| window == [0, 0, 0, 7]).unwrap();
    bytes[at + 8] = 3;
    assert_eq!(needs(&bytes, Tolerance::Priority), command);
}

#[test]
fn what_dcmtk_has_behind_a_pending_response_passes_as_something_extra() {
    let response = Command::get_rq(7, &uid(CT)).response(Status::PENDING).unwrap();
    let mut bytes = response.encode();
    bytes.extend([8, 0, 0, 0, 4, 0, 0, 0, 12, 0, 0, 0, 8, 0, 0x58, 0, 4, 0, 0, 0, b'1', b'.', b'2', 0]);
    assert_eq!(Command::decode(&bytes, &Tolerances::STRICT), Err(CommandFault::Group(Tag(8, 0))));
    let lax = Tolerances::STRICT.with(Tolerance::Extra);
    assert_eq!(Command::decode(&bytes, &lax), Ok(response));
    let cut = Command::decode(&bytes[..bytes.len() - 1], &lax);
    assert!(matches!(cut, Err(CommandFault::Truncated(Tag(8, 0x58)))), "{cut:?}");
    // Nothing of the command stands behind it.
    bytes.extend([0, 0, 0, 9, 2, 0, 0, 0, 0, 0]);
    assert!(matches!(Command::decode(&bytes, &lax), Err(CommandFault::Order(_))));
}

#[test]
fn what_no_tolerance_lets_pass() {
    assert_eq!(never(&set(&[(0x0100, &[0x31, 0])])), CommandFault::UnknownField(0x31));
    assert_eq!(never(&set(&[(0x0110, &[1, 0])])), CommandFault::NoField);
    assert_eq!(never(&[]), CommandFault::NoField);
    assert!(matches!(never(&set(&ECHO[..3])), CommandFault::Missing(Tag(0, 0x0800), Field::EchoRq)));
    assert!(matches!(never(&echo_with(&[(0x1234, &[])])[..30]), CommandFault::Truncated(_)));
    let mut foreign = set(&ECHO);
    foreign.extend([8, 0, 0x16, 0, 0, 0, 0, 0]);
    assert_eq!(never(&foreign), CommandFault::Group(Tag(8, 0x16)));
    let mut with_data = Command::echo_rq(1, &uid("1.2.840.10008.1.1"));
    with_data.data_set = true;
    assert_eq!(never(&with_data.encode()), CommandFault::DataSet(Field::EchoRq));
    assert!(matches!(never(&set(&[ECHO[0], ECHO[1], (0x0110, &[1, 0, 0, 0]), ECHO[3]])), CommandFault::Length { .. }));
    assert_eq!(never(&vec![0; Command::MAX_LENGTH + 1]), CommandFault::TooLong);
    let huge = [0, 0, 0, 0x01, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(never(&huge), CommandFault::Truncated(Tag(0, 0x0100)));
}

#[test]
fn every_request_can_be_refused_so_that_its_sender_understands() {
    for &field in Field::ALL {
        let mut request = Command::n_request(field, 42, &uid(CT), &uid("1.2.3.4"), false);
        request.event_type = (field == Field::EventReportRq).then_some(1);
        request.action_type = (field == Field::ActionRq).then_some(2);
        let refusal = request.refusal(Status::NOT_AUTHORIZED, "denied, incident 7K3F-9QX2");
        assert_eq!(refusal.is_some(), field.is_request());
        let Some(refusal) = refusal else { continue };
        let read = strict(&refusal.encode()).unwrap();
        assert_eq!(read, refusal);
        assert_eq!(read.field.code(), field.code() | 0x8000);
        assert_eq!((read.responded_to, read.status), (Some(42), Some(Status(0x0124))));
        assert_eq!(read.status.unwrap().kind(), StatusKind::Failure);
        assert_eq!((read.sop_class(), read.sop_instance()), (Some(&uid(CT)), Some(&uid("1.2.3.4"))));
        assert!(!read.data_set);
        assert_eq!(&**read.comment.as_ref().unwrap().reveal(), b"denied, incident 7K3F-9QX2");
        let retrieve = matches!(field, Field::GetRq | Field::MoveRq);
        assert_eq!(read.counters == Counters::NONE_BEGUN, retrieve);
    }
}

#[test]
fn comments_are_cut_and_made_plain_and_never_printed() {
    let request = Command::echo_rq(1, &uid("1.2.840.10008.1.1"));
    let response = request.refusal(Status::NOT_AUTHORIZED, &format!("ä\\\n{}", "x".repeat(100))).unwrap();
    let text = response.comment.clone().unwrap().into_revealed();
    assert!(text.starts_with(b"???xx") && text.len() == 64);
    assert_eq!(strict(&response.encode()).unwrap(), response);
    assert!(!format!("{response:?}").contains("xx"));
    let long = Command { comment: Some(Phi::new([b'x'; 80].into())), ..response };
    needs(&long.encode(), Tolerance::Comment);
}

fn numbers() -> impl Strategy<Value = Option<u16>> {
    proptest::option::of(any::<u16>())
}

fn any_command() -> impl Strategy<Value = Command> {
    let uids = || "[1-9]{1,5}(\\.[1-9][0-9]{0,6}){1,6}".prop_map(|text| uid(&text));
    let counters = (numbers(), numbers(), numbers(), numbers());
    let tags = proptest::collection::vec((any::<u16>(), any::<u16>()).prop_map(|(g, e)| Tag(g, e)), 0..5);
    (0..Field::ALL.len(), any::<u16>(), uids(), uids(), "[A-Z0-9]{1,16}", counters, tags, any::<bool>()).prop_map(
        |(index, id, class, instance, name, (remaining, completed, failed, warning), tags, data)| match Field::ALL
            [index]
        {
            Field::StoreRq => Command::store_rq(id, &class, &instance).moved_for(title(&name), id ^ 1),
            Field::FindRq => Command::find_rq(id, &class),
            Field::GetRq => Command::get_rq(id, &class),
            Field::MoveRq => Command::move_rq(id, &class, title(&name)),
            Field::EchoRq => Command::echo_rq(id, &class),
            Field::CancelRq => Command::cancel_rq(id),
            Field::MoveRsp => Command::move_rq(id, &class, title(&name))
                .response(Status::PENDING)
                .unwrap()
                .with_counters(Counters { remaining, completed, failed, warning }),
            Field::NGetRq => {
                Command { attributes: tags, ..Command::n_request(Field::NGetRq, id, &class, &instance, false) }
            }
            Field::FindRsp => {
                let response = Command::find_rq(id, &class).response(Status::PENDING).unwrap();
                if data { response.with_data_set() } else { response }
            }
            _ => Command {
                offending: tags,
                ..Command::n_request(Field::SetRq, id, &class, &instance, true).response(Status(id)).unwrap()
            },
        },
    )
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded_again(command in any_command()) {
        let bytes = command.encode();
        prop_assert_eq!(bytes.len() % 2, 0);
        prop_assert_eq!(strict(&bytes).unwrap(), command);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), bits in any::<u16>()) {
        let tolerances: Tolerances =
            Tolerance::ALL.into_iter().filter(|tolerance| bits & 1 << *tolerance as u16 != 0).collect();
        let _ = Command::decode(&bytes, &tolerances);
    }

    #[test]
    fn damaged_commands_never_panic_and_cut_ones_never_pass(
        command in any_command(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut bytes = command.encode();
        let at = at.index(bytes.len());
        prop_assert!(strict(&bytes[..at]).is_err());
        bytes[at] = byte;
        let _ = Command::decode(&bytes, &Tolerances::ALL);
    }
}

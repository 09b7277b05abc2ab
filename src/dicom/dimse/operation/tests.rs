use super::*;

fn uid(text: &str) -> Uid {
    text.parse().unwrap()
}

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";

fn context(class: &str, scu: bool, scp: bool) -> Vec<Operation> {
    Operation::of_context(&uid(class), scu, scp).iter().collect()
}

#[test]
fn storage_is_store_as_user_and_get_as_provider() {
    assert_eq!(context(CT, true, false), [Operation::Store]);
    assert_eq!(context(CT, false, true), [Operation::Get]);
    assert_eq!(context(CT, true, true), [Operation::Store, Operation::Get]);
    assert_eq!(context(CT, false, false), []);
    assert_eq!(context(sop_class::KEY_OBJECT_SELECTION, true, false), [Operation::Store, Operation::Reject]);
    assert_eq!(Operation::of_command(&uid(CT), Field::StoreRq, true), Some(Operation::Store));
    assert_eq!(Operation::of_command(&uid(CT), Field::StoreRq, false), Some(Operation::Get));
}

#[test]
fn a_class_nobody_knows_is_decided_by_the_command() {
    let private = "1.3.12.2.1107.5.9.1";
    assert_eq!(context(private, true, false), [Operation::Store, Operation::Other]);
    assert_eq!(context(private, false, true), [Operation::Get, Operation::Other]);
    let of = |field| Operation::of_command(&uid(private), field, true);
    assert_eq!(of(Field::StoreRq), Some(Operation::Store));
    assert_eq!(of(Field::FindRq), Some(Operation::Other));
    assert_eq!(of(Field::ActionRq), Some(Operation::Other));
    assert_eq!(of(Field::StoreRsp), None);
    assert_eq!(of(Field::EchoRq), None);
}

#[test]
fn a_command_that_does_not_belong_to_its_class_is_never_an_operation() {
    for (class, field) in [
        (sop_class::STUDY_ROOT_FIND, Field::MoveRq),
        (sop_class::STUDY_ROOT_MOVE, Field::StoreRq),
        (sop_class::VERIFICATION, Field::StoreRq),
        (sop_class::MODALITY_WORKLIST, Field::GetRq),
        (CT, Field::FindRq),
        (CT, Field::DeleteRq),
        (sop_class::STUDY_ROOT_MOVE, Field::CancelRq),
    ] {
        assert_eq!(Operation::of_command(&uid(class), field, true), None, "{class} {field}");
    }
}

#[test]
fn every_service_has_its_word() {
    for (class, field, operation) in [
        ("1.2.840.10008.1.1", Field::EchoRq, Operation::Echo),
        ("1.2.840.10008.5.1.4.1.2.1.1", Field::FindRq, Operation::Find),
        ("1.2.840.10008.5.1.4.1.2.3.2", Field::MoveRq, Operation::Move),
        ("1.2.840.10008.5.1.4.1.2.4.2", Field::MoveRq, Operation::Move),
        ("1.2.840.10008.5.1.4.1.2.4.3", Field::GetRq, Operation::Get),
        ("1.2.840.10008.5.1.4.1.2.5.3", Field::GetRq, Operation::Get),
        ("1.2.840.10008.5.1.4.31", Field::FindRq, Operation::Worklist),
        ("1.2.840.10008.3.1.2.3.3", Field::CreateRq, Operation::Mpps),
        ("1.2.840.10008.3.1.2.3.5", Field::EventReportRq, Operation::Mpps),
        ("1.2.840.10008.1.20.1", Field::ActionRq, Operation::Commit),
        ("1.2.840.10008.1.20.2", Field::ActionRq, Operation::Commit),
        ("1.2.840.10008.5.1.1.9", Field::CreateRq, Operation::Print),
        ("1.2.840.10008.5.1.1.16", Field::NGetRq, Operation::Print),
        ("1.2.840.10008.5.1.4.33", Field::CreateRq, Operation::Notify),
        ("1.2.840.10008.5.1.4.34.6.3", Field::FindRq, Operation::Ups),
        ("1.2.840.10008.5.1.4.37.1", Field::FindRq, Operation::Other),
    ] {
        assert_eq!(Operation::of_command(&uid(class), field, true), Some(operation), "{class} {field}");
        assert!(context(class, true, false).contains(&operation));
    }
}

#[test]
fn the_table_lists_every_class_and_every_operation() {
    let rows: Vec<_> = operations_table().collect();
    for operation in Operation::ALL {
        assert!(rows.iter().any(|(listed, _)| *listed == operation), "{operation}");
    }
    assert_eq!(rows.len(), sop_class::all().count() + 1, "each class once, Key Objects also as reject");
    for (operation, class) in rows {
        assert!(Operation::of_context(&uid(class.uid), true, true).has(operation), "{operation} {}", class.name);
    }
}

use super::*;
use dicom_dictionary_std::uids;

#[test]
fn the_table_ascends_so_that_every_class_is_found() {
    let uids: Vec<_> = all().map(|class| class.uid).collect();
    assert!(uids.windows(2).all(|pair| pair[0] < pair[1]));
    for class in all() {
        let uid: Uid = class.uid.parse().unwrap();
        assert_eq!(find(&uid), Some(class));
        assert!(!class.name.is_empty() && class.name.trim() == class.name);
    }
}

#[test]
fn everything_called_storage_is_a_storage_class_and_nothing_else() {
    // By name: the two commitment models and the directory of media are no objects that C-STORE carries.
    for class in all() {
        let named = class.name.contains("Storage") && !class.name.starts_with("Storage Commitment");
        let directory = class.uid == uids::MEDIA_STORAGE_DIRECTORY_STORAGE;
        assert_eq!(class.kind == Kind::Storage, named && !directory, "{}", class.name);
    }
}

#[test]
fn classes_that_are_easily_forgotten_are_storage() {
    for uid in [
        uids::RT_BEAMS_DELIVERY_INSTRUCTION_STORAGE,
        uids::HANGING_PROTOCOL_STORAGE,
        uids::COLOR_PALETTE_STORAGE,
        uids::GENERIC_IMPLANT_TEMPLATE_STORAGE,
        "1.2.840.10008.5.1.1.27",
        "1.2.840.10008.5.1.1.29",
        "1.2.840.10008.5.1.1.30",
        "1.2.840.10008.5.1.4.34.1",
        "1.2.840.10008.5.1.4.1.1.5",
        "1.2.840.10008.5.1.4.1.1.129",
    ] {
        assert!(is_storage(&uid.parse().unwrap()), "{uid}");
    }
    for uid in ["1.2.840.10008.5.1.4.1.1.200.4", "1.2.840.10008.5.1.4.1.1.201.6", "1.2.840.10008.5.1.4.1.1"] {
        assert!(!is_storage(&uid.parse().unwrap()), "{uid}");
    }
}

#[test]
fn the_constants_are_what_the_dictionary_says() {
    assert_eq!(VERIFICATION, uids::VERIFICATION);
    assert_eq!(KEY_OBJECT_SELECTION, uids::KEY_OBJECT_SELECTION_DOCUMENT_STORAGE);
    assert_eq!(PATIENT_ROOT_FIND, uids::PATIENT_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_FIND);
    assert_eq!(PATIENT_ROOT_MOVE, uids::PATIENT_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_MOVE);
    assert_eq!(PATIENT_ROOT_GET, uids::PATIENT_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_GET);
    assert_eq!(STUDY_ROOT_FIND, uids::STUDY_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_FIND);
    assert_eq!(STUDY_ROOT_MOVE, uids::STUDY_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_MOVE);
    assert_eq!(STUDY_ROOT_GET, uids::STUDY_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_GET);
    assert_eq!(MODALITY_WORKLIST, uids::MODALITY_WORKLIST_INFORMATION_MODEL_FIND);
    assert_eq!(STORAGE_COMMITMENT_PUSH, uids::STORAGE_COMMITMENT_PUSH_MODEL);
}

use super::*;

/// Every storage class of the standard is in exactly one family, and every class of a family is one.
#[test]
fn every_storage_class_has_a_family() {
    for class in sop_class::all() {
        let families: Vec<_> = all().filter(|family| family.has(class)).map(|family| family.name).collect();
        let wanted = usize::from(class.kind == sop_class::Kind::Storage);
        assert_eq!(families.len(), wanted, "{} {}: {families:?}", class.uid, class.name);
    }
    for family in all() {
        for below in family.classes {
            assert!(sop_class::find_text(&format!("{ROOT}{below}")).is_some(), "{}: {below}", family.name);
        }
    }
}

use super::pixels::{SIZE, SLICES, slice};
use super::{Whose, single, study};
use std::collections::BTreeSet;

fn hounsfield(pixels: &[u8], x: usize, y: usize) -> i32 {
    let at = (y * usize::from(SIZE) + x) * 2;
    i32::from(u16::from_le_bytes([pixels[at], pixels[at + 1]])) - 1024
}

#[test]
fn a_head_is_in_the_middle_and_air_around_it() {
    let middle = slice(SLICES / 2);
    assert_eq!(middle.len(), usize::from(SIZE) * usize::from(SIZE) * 2);
    let at = |x, y| hounsfield(&middle, x, y);
    assert!(at(2, 2) < -950, "air in the corner");
    assert!((-20..100).contains(&at(256, 300)), "brain: {}", at(256, 300));
    let bone = (0..512).filter(|&x| at(x, 256) > 900).count();
    assert!((4..40).contains(&bone), "skull on both sides: {bone} pixels");
    let stored = middle.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    assert!(stored.clone().max().unwrap() < 4096, "twelve bits are enough");
    assert!(stored.min().unwrap() > 0);
}

#[test]
fn slices_differ_along_the_head_and_are_the_same_at_every_run() {
    let slices: BTreeSet<Vec<u8>> = (0..SLICES).map(slice).collect();
    assert_eq!(slices.len(), usize::from(SLICES));
    let bone = |n| slice(n).chunks(2).filter(|pair| u16::from_le_bytes([pair[0], pair[1]]) > 1800).count();
    assert!(bone(0) < bone(SLICES / 4));
    assert_eq!(study()[3], study()[3]);
}

#[test]
fn another_reader_takes_it_for_a_ct_image() {
    let study = study();
    assert_eq!(study.len(), usize::from(SLICES));
    let mut instances = BTreeSet::new();
    for (number, object) in study.iter().enumerate() {
        let file = object.to_file();
        let read = dicom_object::from_reader(file.as_slice()).unwrap();
        let text = |name: &str| read.element_by_name(name).unwrap().to_str().unwrap().into_owned();
        assert_eq!(text("PatientName"), "Phantom^Petra");
        assert_eq!(text("Modality"), "CT");
        assert_eq!(text("InstanceNumber"), (number + 1).to_string());
        assert_eq!(text("SOPInstanceUID"), object.sop_instance.as_str());
        assert_eq!(text("SOPClassUID"), object.sop_class.as_str());
        assert!(instances.insert(text("SOPInstanceUID")));
    }
}

#[test]
fn studies_of_one_image_are_their_own() {
    let whose = |number| Whose { number, patient: "A^B", patient_id: "1", birth_date: "", physician: "C^D" };
    let instances: BTreeSet<_> = study().iter().map(|object| object.sop_instance).collect();
    let (first, second) = (single(&whose(0)).unwrap(), single(&whose(1)).unwrap());
    assert_ne!(first.sop_instance, second.sop_instance);
    assert!(!instances.contains(&first.sop_instance) && !instances.contains(&second.sop_instance));
    let texts = |object: &crate::demo::object::Object| {
        let encoding = crate::dicom::transfer_syntax::encoding_of(&object.transfer_syntax);
        let set = crate::demo::elements::read(&object.data_set, encoding).unwrap();
        [0x000d, 0x000e, 0x0052].map(|element| set.plain(crate::dicom::Tag(0x0020, element)).to_owned())
    };
    let all: BTreeSet<_> = [&first, &second, &study()[0]].into_iter().flat_map(texts).collect();
    assert_eq!(all.len(), 9, "study, series and frame of reference of three studies");
}

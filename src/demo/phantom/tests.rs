use super::pixels::{SIZE, SLICES, slice};
use super::study;
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

//! One sealed sample in an archive, for the tests of others.

use super::sample::{Sample, Shape};
use super::send::{Means, store};
use crate::dicom::Uid;
use crate::dicom::dimse::Status;
use crate::proxy::vault::verify::Place;
use crate::scu::{Ask, Link, Target};
use crate::vault::SealId;
use crate::vault::carrier::Carrier;
use crate::vault::family::Family;

/// A CT slice.
pub fn sample() -> Sample {
    let uid = |text| Uid::new(text).unwrap();
    let class = uid("1.2.840.10008.5.1.4.1.1.2");
    Sample {
        family: Family::sealing(&class).unwrap(),
        class,
        instance: uid("1.2.826.0.1.3680043.1"),
        study: uid("1.2.826.0.1.3680043.2"),
        series: uid("1.2.826.0.1.3680043.3"),
        accession: "A1".to_owned(),
        shape: Shape::Native(16, 1),
        number: 1,
    }
}

/// Stores it sealed.
pub async fn sealed(target: &Target<'_>, means: &Means, carrier: Carrier) -> (Place, SealId) {
    let sample = sample();
    let mut link = Link::open(target, &[Ask::plain(sample.class)]).await.unwrap();
    let on = link.accepted(&sample.class).unwrap();
    let (bytes, sealed) = means.sealed(&sample, carrier, &on).unwrap();
    assert_eq!(store(&mut link, &on, &sample, &bytes).await.unwrap(), Status::SUCCESS);
    link.release().await.unwrap();
    let (study, series) = (Some(sample.study), Some(sample.series));
    (Place { class: sample.class, instance: sample.instance, study, series, patient: None }, sealed.begun.seal)
}

/// Pixels of a sample.
pub fn pixels(length: u64) -> Vec<u8> {
    super::sample::noise(usize::try_from(length).unwrap(), 1)
}

/// SHA-256 of what is sealed of the sample, as the sealing side says it.
pub fn digest(means: &Means) -> [u8; 32] {
    use crate::transform::flow::Flow;
    use crate::transform::seal::{Seal, SealOrder};
    let sample = sample();
    let (head, length) = sample.data(None);
    let order = SealOrder {
        context: std::sync::Arc::clone(&means.context),
        sop_class: sample.class,
        sop_instance: sample.instance,
        from: Uid::new(sample.syntax()).unwrap(),
        to: crate::dicom::transfer_syntax::Encoding::ImplicitLe,
        carrier: Carrier::Pixels,
        options: std::sync::Arc::clone(&means.options),
        whole: false,
    };
    let (mut seal, mut flow) = (Seal::new(order).unwrap().with_digest(), Flow::default());
    seal.push(&head, &mut flow).unwrap();
    seal.push(&pixels(length), &mut flow).unwrap();
    seal.finish(&mut flow).unwrap();
    seal.digest().unwrap()
}

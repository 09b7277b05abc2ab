//! An object in another native encoding, as archives write it for whoever takes no other.

use crate::demo::object::Object;
use crate::dicom::Uid;
use crate::dicom::transfer_syntax::{encoding_of, is_encapsulated};
use crate::transform::recode::Recode;

/// Whether an object that is held in one transfer syntax can be sent in another: it is the same, or both are native.
pub(super) fn can_be(held: &Uid, wanted: &Uid) -> bool {
    held == wanted || !(is_encapsulated(held) || is_encapsulated(wanted))
}

/// The object in a transfer syntax that [`can_be`] takes; `None` where its data set is damaged.
pub(super) fn written(object: Object, wanted: Uid) -> Option<Object> {
    if object.transfer_syntax == wanted {
        return Some(object);
    }
    let mut recode = Recode::new(encoding_of(&object.transfer_syntax), encoding_of(&wanted));
    let mut data_set = Vec::with_capacity(object.data_set.len());
    recode.push(&object.data_set, &mut data_set).ok()?;
    recode.finish(&mut data_set).ok()?;
    Some(Object { transfer_syntax: wanted, data_set: data_set.into(), ..object })
}

//! Extended negotiation of queries and retrieves (56H; PS3.4 C.5.1.1, C.5.2.1, C.5.3.1) where only part of the answers
//! may be seen: queries that leave out levels, and names that are matched by how they sound, cannot be judged.

use crate::dicom::pdu::UserItems;
use crate::dicom::sop_class::{self, Kind};
use crate::dicom::uid::Uid;
use bytes::Bytes;

/// Relational queries or retrievals: the first byte, of all three services.
const RELATIONAL: usize = 0;
/// Fuzzy semantic matching of person names: the third byte, of C-FIND.
const FUZZY: usize = 2;

/// Timezone query adjustment: the fourth byte, of C-FIND. Who may choose the time zone of dates in answers would move them
/// into what a rule shows.
const TIMEZONE: usize = 3;

/// Asks for no relational queries or retrievals, no fuzzy matching and no dates in time zones of the caller's; nor for several operations at a time (53H).
pub fn ask_plainly(user: &mut UserItems) {
    user.async_window = None;
    for (class, information) in &mut user.extended {
        *information = plain(class, information);
    }
}

/// What a 56H says, without relational queries, fuzzy matching and time zones. Of other classes it stays as it is.
pub(super) fn plain(class: &Uid, information: &Bytes) -> Bytes {
    let cleared: &[usize] = match sop_class::find(class).map(|class| class.kind) {
        Some(Kind::Find) => &[RELATIONAL, FUZZY, TIMEZONE],
        Some(Kind::Move | Kind::Get) => &[RELATIONAL],
        _ => &[],
    };
    if cleared.iter().all(|&place| information.get(place).is_none_or(|&byte| byte == 0)) {
        return information.clone();
    }
    let mut bytes = information.to_vec();
    for &place in cleared {
        if let Some(byte) = bytes.get_mut(place) {
            *byte = 0;
        }
    }
    Bytes::from(bytes)
}

/// Whether the gateway asked for less than the caller did.
pub(super) fn was_plain(rq: &UserItems, proposed: &UserItems, class: &Uid) -> bool {
    let of = |user: &UserItems| user.extended.iter().find(|(other, _)| other == class).map(|(_, bytes)| bytes.clone());
    of(rq) != of(proposed)
}

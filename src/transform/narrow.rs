//! One answer of a query, cut down to what somebody may see of it.

#[cfg(test)]
mod tests;

use crate::dicom::Tag;
use crate::dicom::dataset::record::{Edit, Record};
use crate::dicom::query::{Asked, INSTANCE, LEVEL, SERIES, STUDY};
use crate::policy::narrow::{Narrowing, Shown};

const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);
const SOP_CLASS: Tag = Tag(0x0008, 0x0016);

/// What no rule hides, as nobody could read the answer or ask on without it; the configuration refuses such a rule.
const NEVER_HIDDEN: [Tag; 6] = [CHARACTER_SET, SOP_CLASS, INSTANCE, LEVEL, STUDY, SERIES];

/// Numbers of studies, series and instances of a patient: they count what somebody may not see, too.
const RELATED: [Tag; 3] = [Tag(0x0020, 0x1200), Tag(0x0020, 0x1202), Tag(0x0020, 0x1204)];

/// What becomes of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Narrow {
    /// It goes on like this.
    Answer(Vec<u8>),
    /// It is not shown: no permit shows it, or the query matched it by a key that is hidden in it or counts related
    /// objects.
    Dropped,
}

/// Cuts an answer down: hidden values come back empty where they were asked for and are absent otherwise, numbers of
/// related objects come back empty, what only the gateway asked for is taken out. Everything else stays byte for byte.
///
/// `shown`: the permits that show the answer (those that have room in their budgets).
pub fn narrow(mut answer: Record, narrowing: &Narrowing, shown: Shown, asked: &Asked) -> Narrow {
    if shown.is_nothing() {
        return Narrow::Dropped;
    }
    let hidden = |tag: Tag| !NEVER_HIDDEN.contains(&tag) && narrowing.hides(shown, tag);
    // Who may match by a number of related objects learns it without being shown it.
    if asked.narrowing().any(|key| key.iter().any(|tag| hidden(*tag) || RELATED.contains(tag))) {
        return Narrow::Dropped;
    }
    answer.edit_each(|path| match path.last() {
        Some(&CHARACTER_SET | &LEVEL) | None => Edit::Keep,
        Some(_) if asked.is_added(path) => Edit::Remove,
        Some(tag) if hidden(*tag) && asked.has(path) => Edit::Empty,
        Some(tag) if hidden(*tag) => Edit::Remove,
        Some(tag) if RELATED.contains(tag) => Edit::Empty,
        Some(_) => Edit::Keep,
    });
    Narrow::Answer(answer.into_bytes())
}

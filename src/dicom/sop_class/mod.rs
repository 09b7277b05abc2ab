//! SOP classes that the gateway knows by name, and their families (PS3.4, PS3.6 table A-1).
//!
//! Retired classes are here too: old devices still speak them. A class that is not here is private or newer than the
//! table, and nothing is assumed about it.

mod table;
#[cfg(test)]
mod tests;

use super::Uid;

/// Verification.
pub const VERIFICATION: &str = "1.2.840.10008.1.1";
/// Key Object Selection Document Storage: what rejection notes come as.
pub const KEY_OBJECT_SELECTION: &str = "1.2.840.10008.5.1.4.1.1.88.59";
/// Patient Root Query/Retrieve Information Model - FIND.
pub const PATIENT_ROOT_FIND: &str = "1.2.840.10008.5.1.4.1.2.1.1";
/// Patient Root Query/Retrieve Information Model - MOVE.
pub const PATIENT_ROOT_MOVE: &str = "1.2.840.10008.5.1.4.1.2.1.2";
/// Patient Root Query/Retrieve Information Model - GET.
pub const PATIENT_ROOT_GET: &str = "1.2.840.10008.5.1.4.1.2.1.3";
/// Study Root Query/Retrieve Information Model - FIND.
pub const STUDY_ROOT_FIND: &str = "1.2.840.10008.5.1.4.1.2.2.1";
/// Study Root Query/Retrieve Information Model - MOVE.
pub const STUDY_ROOT_MOVE: &str = "1.2.840.10008.5.1.4.1.2.2.2";
/// Study Root Query/Retrieve Information Model - GET.
pub const STUDY_ROOT_GET: &str = "1.2.840.10008.5.1.4.1.2.2.3";
/// Modality Worklist Information Model - FIND.
pub const MODALITY_WORKLIST: &str = "1.2.840.10008.5.1.4.31";
/// Storage Commitment Push Model.
pub const STORAGE_COMMITMENT_PUSH: &str = "1.2.840.10008.1.20.1";

/// A SOP class of the standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SopClass {
    /// Its UID.
    pub uid: &'static str,
    /// Its name in PS3.6, without "SOP Class" and "(Retired)".
    pub name: &'static str,
    /// Which family it is of.
    pub kind: Kind,
    /// Whether the standard has retired it.
    pub retired: bool,
}

/// Families of SOP classes, as far as operations tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// C-ECHO.
    Verification,
    /// C-STORE of composite and non-patient objects.
    Storage,
    /// C-FIND of the query/retrieve roots.
    Find,
    /// C-MOVE of the query/retrieve roots.
    Move,
    /// C-GET of the query/retrieve roots.
    Get,
    /// C-FIND of the Modality Worklist.
    Worklist,
    /// Modality Performed Procedure Step, its retrieval and notification.
    Mpps,
    /// Storage Commitment.
    Commit,
    /// Print management, with its meta classes.
    Print,
    /// Instance Availability and Study Content notifications.
    Notify,
    /// Unified Procedure Step.
    Ups,
    /// Everything else in the standard.
    Other,
}

/// The class of a UID, if the standard has it.
pub fn find(uid: &Uid) -> Option<&'static SopClass> {
    find_text(uid.as_str())
}

/// The same for a UID as text.
pub fn find_text(uid: &str) -> Option<&'static SopClass> {
    let index = table::SOP_CLASSES.binary_search_by(|class| class.uid.cmp(uid)).ok()?;
    table::SOP_CLASSES.get(index)
}

/// The name of a UID, if the standard has it.
pub fn name(uid: &Uid) -> Option<&'static str> {
    find(uid).map(|class| class.name)
}

/// Whether it is a storage class of the standard, retired ones included.
pub fn is_storage(uid: &Uid) -> bool {
    find(uid).is_some_and(|class| class.kind == Kind::Storage)
}

/// Every class of the table, ascending by UID as text.
pub fn all() -> impl Iterator<Item = &'static SopClass> {
    table::SOP_CLASSES.iter()
}

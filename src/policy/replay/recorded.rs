//! One recorded operation.

use crate::dicom::dataset::Level;
use crate::dicom::dimse::Operation;
use crate::dicom::{AeTitle, Tag, Uid};
use crate::policy::request::Moment;
use std::net::IpAddr;

/// An operation as its record tells it.
#[derive(Debug, Clone)]
pub struct Recorded<'a> {
    /// The peer that asked, or the archive that sent unasked, by its name; for a delivery, the peer that asked for it.
    pub who: &'a str,
    /// With which title and from where it called; `None` for a delivery, where the archive called.
    pub caller: Option<(AeTitle, IpAddr)>,
    /// The person who asked.
    pub person: Person<'a>,
    /// The archive asked, or the receiver of what an archive sent unasked.
    pub to: &'a str,
    /// What was wanted; `None`: an association that was opened, and asked nothing.
    pub operation: Option<Operation>,
    /// SOP class.
    pub sop_class: Option<Uid>,
    /// Transfer syntax.
    pub transfer_syntax: Option<Uid>,
    /// Move destination.
    pub destination: Option<AeTitle>,
    /// Modality of the object.
    pub modality: Option<&'a str>,
    /// The level of a query or retrieve.
    pub level: Option<Level>,
    /// The attributes that it asked a value of; `None`: the record does not say.
    pub keys: Option<&'a [Tag]>,
    /// When, as local clocks showed it.
    pub at: Moment,
}

/// The person of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Person<'a> {
    /// A device alone.
    Nobody,
    /// This person.
    Known {
        /// As rules name them.
        name: &'a str,
        /// The roles they had then; `None`: the record that says so is not at hand.
        roles: Option<&'a [String]>,
        /// They had asked for emergency access.
        emergency: bool,
    },
}

/// What became of it then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// A rule permitted it.
    Permitted,
    /// No rule permitted it, and it passed because the policy observed.
    Observed,
    /// It was refused.
    Refused,
}

/// Where a record stands, for people who look it up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark<'a> {
    /// Its sequence number.
    pub sequence: u64,
    /// Its incident id.
    pub incident: Option<&'a str>,
    /// When it was written, as it says.
    pub at: &'a str,
}

//! Who is let do nothing until released.

/// A peer or person in quarantine, or released from it a while ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// `peer:NAME` or `user:NAME`.
    pub subject: String,
    /// Since when, in seconds since 1970.
    pub since: i64,
    /// Why, in words.
    pub why: String,
    /// Incident id of the record that says so.
    pub incident: String,
    /// The gateway that did it, whose log that is.
    pub gateway: String,
    /// It is over; kept for a while so that every gateway hears of it.
    pub release: Option<Release>,
}

/// The end of a quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// When, in seconds since 1970.
    pub at: i64,
    /// Who released, in their own words.
    pub by: String,
    /// Why, in their own words; may be empty.
    pub reason: String,
    /// A gateway has recorded it.
    pub noted: bool,
}

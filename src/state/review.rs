//! Uses of emergency access, which somebody has to look at afterwards.

/// A use of emergency access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReview {
    /// The person.
    pub user: String,
    /// The peer that they sat at.
    pub peer: String,
    /// The rule that let them.
    pub rule: String,
    /// Since when, in seconds since 1970.
    pub since: i64,
    /// Incident id of the record that says so.
    pub incident: String,
    /// The gateway whose log that is.
    pub gateway: String,
}

/// An entry of the review list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// What was used.
    pub used: NewReview,
    /// When somebody looked at it, in seconds since 1970, and who; `None`: nobody yet.
    pub reviewed: Option<(i64, String)>,
}

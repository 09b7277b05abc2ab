//! Why the state could not be asked.

/// Why the state could not be asked. What needs it gets the transient status; the rest goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateFault {
    /// The database does not answer, or not in time.
    #[error("the state cannot be reached: {0}")]
    Away(String),
    /// It answers, but not as it should.
    #[error("the state is damaged: {0}")]
    Damaged(String),
    /// It cannot work as it is configured; waiting does not help.
    #[error("the state cannot be used as configured: {0}")]
    Settings(String),
    /// No message id is free at this archive for this title (65,535 moves under way).
    #[error("no message id is free")]
    Full,
    /// A named limit is reached.
    #[error("the state holds {most} {what} already, which is the limit")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        most: u64,
    },
}

impl StateFault {
    /// The same, with the file that it is about.
    pub(in crate::state) fn of(self, file: &str) -> Self {
        match self {
            Self::Away(words) => Self::Away(format!("`{file}`: {words}")),
            Self::Damaged(words) => Self::Damaged(format!("`{file}`: {words}")),
            other => other,
        }
    }
}

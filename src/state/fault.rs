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
    /// No message id is free at this archive for this title (65,535 moves under way).
    #[error("no message id is free")]
    Full,
}

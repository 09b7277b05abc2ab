//! User Identity Negotiation (PS3.7 D.3.3.7).

/// Why a User Identity sub-item (58H) is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UserRefused {
    /// No source of people is configured.
    #[error("people are not known to the gateway yet: switch user identity off at the device")]
    NotKnown,
}

/// Checks the user that an association names. Nobody named is fine; anybody named is rejected as long as the gateway
/// has no means to check who it is: an identity that nobody checked must not reach an archive that may believe it.
pub const fn user<T>(named: Option<&T>) -> Result<(), UserRefused> {
    match named {
        None => Ok(()),
        Some(_) => Err(UserRefused::NotKnown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_fine_and_anybody_is_rejected() {
        assert_eq!(user::<&str>(None), Ok(()));
        assert_eq!(user(Some(&"mueller")), Err(UserRefused::NotKnown));
    }
}

//! The person who asked for something that outlives the association: kept with it, so that what comes of it is decided
//! for her as well as for her device.

use crate::policy::User;
use std::sync::Arc;

/// How she is kept; empty: nobody said who they are.
pub fn kept(user: Option<&User>) -> String {
    // Text and numbers alone: nothing in it fails.
    user.map(|user| serde_json::to_string(user).unwrap_or_else(|_| "?".to_owned())).unwrap_or_default()
}

/// Whoever was kept. Her session need not go on: what was begun within it is finished.
///
/// # Errors
/// It cannot be read; it must not be decided as if nobody had said who they are.
pub fn restored(kept: &str) -> Result<Option<Arc<User>>, &'static str> {
    if kept.is_empty() {
        return Ok(None);
    }
    serde_json::from_str(kept)
        .map(|user| Some(Arc::new(user)))
        .map_err(|_| "the person who asked for it can no longer be told: it was written by another version")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_comes_back_as_she_was_and_nobody_as_nobody() {
        let user = User {
            name: "müller".into(),
            source: "local".into(),
            roles: vec!["referrer".into()],
            attributes: [("physician".to_owned(), vec!["MÜLLER^HANS".to_owned()])].into(),
            until: 5000,
            ..User::default()
        };
        assert_eq!(restored(&kept(Some(&user))).unwrap().as_deref(), Some(&user));
        assert_eq!(restored(&kept(None)).unwrap(), None);
        assert!(restored("?").is_err());
        assert!(restored("{}").is_err());
    }
}

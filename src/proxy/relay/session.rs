//! The session of a person: access ends with it, between two messages.

use super::{Ending, Relay};
use crate::identity::people::People;
use crate::policy::{Principal, User};
use crate::proxy::clock;
use crate::proxy::snapshot::Snapshot;
use std::sync::Arc;
use std::time::{Duration, Instant};

impl Relay {
    /// Nothing is under way, and the session is over.
    pub(super) fn session_goes_on(&self) -> Result<(), Ending> {
        if self.is_session_over() && self.is_idle() { Err(Ending::SessionOver) } else { Ok(()) }
    }

    /// Before a new request of the caller's: none begins once the session is over. What is under way goes on to its end
    /// unless something new is asked for.
    pub(super) fn session_is_open(&self) -> Result<(), Ending> {
        if self.is_session_over() { Err(Ending::SessionOver) } else { Ok(()) }
    }

    fn is_session_over(&self) -> bool {
        self.principal.user.as_ref().is_some_and(|user| clock::unix() >= user.until)
    }

    /// When an association without anything under way ends with the session.
    pub(super) fn session_ends(&self) -> Option<Instant> {
        let user = self.principal.user.as_ref().filter(|_| self.is_idle())?;
        let left = u64::try_from(user.until.saturating_sub(clock::unix())).unwrap_or(0);
        // A session of a million years ends by another timer.
        Some(Instant::now() + Duration::from_secs(left.min(u64::from(u32::MAX))))
    }

    /// The person under a newer configuration.
    pub(super) fn person_again(&self, snapshot: &Snapshot, principal: &Principal) -> Result<Option<Arc<User>>, Ending> {
        let Some(user) = &self.principal.user else { return Ok(None) };
        let Some(people) = snapshot.people.as_deref() else {
            return Err(Ending::Changed("nobody is known by name any more: [users] is gone".to_owned()));
        };
        let before: Option<&People> = self.snapshot.people.as_deref();
        let username_only = snapshot.policy.peer(&principal.name).is_some_and(|peer| peer.username_only);
        match people.again(before, user, username_only) {
            Ok(again) if again == **user => Ok(Some(Arc::clone(user))),
            Ok(again) => Ok(Some(Arc::new(again))),
            Err(words) => Err(Ending::Changed(words.to_owned())),
        }
    }
}

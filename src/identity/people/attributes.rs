//! What every source's persons have in common: attributes from the file, bounded and printable names and roles, an end.

use super::refused::is_plain;
use super::{Refused, Where};
use crate::config::{Limits, Users};
use crate::policy::User;

/// The longest name of a user or role, in characters.
pub(in crate::identity) const NAME: usize = 256;

/// Whether this can be the name of a user or role, or a value of a claim: 1 to 256 characters, none of them a control or
/// one that changes how others are shown.
pub(in crate::identity) fn is_word(word: &str) -> bool {
    !word.is_empty() && word.chars().count() <= NAME && word.chars().all(|c| !c.is_control() && is_plain(c))
}

/// Makes of what a source said what rules decide on.
pub(super) fn complete(mut user: User, users: &Users, limits: &Limits, at: &Where<'_>) -> Result<User, Refused> {
    if !is_word(&user.name) || user.name.trim() != user.name {
        return Err(Refused::denied("the user name is empty, longer than 256 characters or not printable"));
    }
    let most = usize::try_from(limits.user_roles).unwrap_or(usize::MAX);
    user.roles.sort();
    user.roles.dedup();
    if user.roles.len() > most {
        let words = format!("the user has {} roles, and `user_roles` of [limits] is {most}", user.roles.len());
        return Err(Refused::denied(words).tried(&user.name));
    }
    if let Some(own) = users.attributes.get(&user.name) {
        user.attributes.extend(own.clone());
    }
    let longest = i64::try_from(users.max_session.as_secs()).unwrap_or(i64::MAX);
    user.until = user.until.min(at.now.saturating_add(longest));
    if user.until <= at.now {
        return Err(Refused::denied("access has ended already").tried(&user.name));
    }
    user.emergency |= at.emergency && at.mutual;
    Ok(user)
}

//! People who were let in under an earlier configuration, under this one.

use super::People;
use crate::identity::local;
use crate::policy::User;
use crate::state::State;

impl People {
    /// From now on wrong passcodes are counted in the state, which replicas share and a restart leaves.
    pub fn share(&self, state: &State) {
        if let Some(local) = &self.local {
            local.share(state);
        }
        if let Some(ldap) = &self.ldap {
            ldap.share(state);
        }
    }

    /// The person as this configuration knows them; `before`: the one that they were let in under. Their session ends no
    /// later than it was to. `username_only`: their device may name users without proof.
    ///
    /// # Errors
    /// Why access ends, in words for the record.
    pub fn again(&self, before: Option<&Self>, user: &User, username_only: bool) -> Result<User, &'static str> {
        let mut again = match user.source.as_str() {
            local::SOURCE => match &self.local {
                Some(local) => local.again(before.and_then(|before| before.local.as_ref()), user)?,
                None => return Err("[users.local] is gone"),
            },
            "ldap" => match before.map(|before| &before.users.ldap) {
                // Roles came from groups by a table that may be another one now: they are asked for at the next login.
                Some(known) if *known == self.users.ldap && known.is_some() => user.clone(),
                _ => return Err("[users.ldap] has been changed"),
            },
            "device" if username_only => user.clone(),
            "device" => return Err("the device may not name users any more"),
            issuer => {
                let provider = |people: &Self| {
                    people.users.oidc.iter().find(|provider| provider.issuer.as_str() == issuer).cloned()
                };
                match (provider(self), before.and_then(provider)) {
                    (None, _) => return Err("the provider that vouched is gone"),
                    // What a token says is read by them, and the token is not kept.
                    (Some(now), Some(then))
                        if now.audience != then.audience
                            || now.roles != then.roles
                            || now.name != then.name
                            || now.claims != then.claims =>
                    {
                        return Err("what tokens of the provider mean has been changed");
                    }
                    (Some(_), _) => user.clone(),
                }
            }
        };
        let own = self.users.attributes.get(&user.name).cloned().unwrap_or_default();
        if user.source == local::SOURCE {
            again.attributes.extend(own);
        } else {
            again.attributes = own;
        }
        again.until = user.until;
        again.emergency = user.emergency;
        Ok(again)
    }
}

//! One identity provider: is it there, is it the one expected, does it publish keys that count.

use super::wiring::{Finding, Ground};
use crate::identity::oidc::Oidc;

/// Asks the provider at this index for its keys, as the gateway will.
pub async fn prove(ground: &Ground, index: usize) -> Vec<Finding> {
    let settings = &ground.settings;
    let Some((users, provider)) = settings.users.as_ref().and_then(|users| Some((users, users.oidc.get(index)?)))
    else {
        return Vec::new();
    };
    let about = format!("identity provider {}", provider.issuer);
    let asked = match Oidc::new(provider, users, &settings.limits, None) {
        Ok(oidc) => oidc.probe().await,
        Err(words) => Err(words),
    };
    match asked {
        Ok(words) => vec![Finding::fine(&about, words)],
        Err(words) => {
            let hint =
                "is `issuer` exactly what it says of itself, does `ca` vouch for it, does a firewall stand between?";
            let message = format!("identity provider `{}`: {words}", provider.issuer);
            vec![Finding::fault(&about, ground.places.provider(settings, index, message).with_hint(hint))]
        }
    }
}

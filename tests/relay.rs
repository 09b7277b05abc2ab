//! The relay over real sockets: devices and an archive that misbehave in every way, and a gateway between them.

#[cfg(test)]
#[expect(dead_code, reason = "what all tests over sockets share; these need but a part of it")]
mod support;

#[cfg(test)]
#[path = "relay/admission.rs"]
mod admission;
#[cfg(test)]
#[path = "relay/archive_tls.rs"]
mod archive_tls;
#[cfg(test)]
#[path = "relay/asked.rs"]
mod asked;
#[cfg(test)]
#[path = "relay/bytes.rs"]
mod bytes_unchanged;
#[cfg(test)]
#[path = "policy_learn/day.rs"]
mod day;
#[cfg(test)]
#[path = "relay/delivered.rs"]
mod delivered;
#[cfg(test)]
#[path = "relay/denied.rs"]
mod denied;
#[cfg(test)]
#[path = "relay/dying.rs"]
mod dying;
#[cfg(test)]
#[path = "policy_learn/guard.rs"]
mod guard;
#[cfg(test)]
#[path = "relay/hostile.rs"]
mod hostile;
#[cfg(test)]
#[path = "relay/inside.rs"]
mod inside;
#[cfg(test)]
#[path = "policy_learn/learned.rs"]
mod learned;
#[cfg(test)]
#[path = "relay/misled.rs"]
mod misled;
#[cfg(test)]
#[path = "relay/outside.rs"]
mod outside;
#[cfg(test)]
#[path = "relay/pacs.rs"]
mod pacs;
#[cfg(test)]
#[path = "relay/release.rs"]
mod release;
#[cfg(test)]
#[path = "relay/reload.rs"]
mod reload;
#[cfg(test)]
#[path = "relay/retrieves.rs"]
mod retrieves;
#[cfg(test)]
#[path = "relay/services.rs"]
mod services;
#[cfg(test)]
#[path = "relay/slow.rs"]
mod slow;
#[cfg(test)]
#[path = "relay/systems.rs"]
mod systems;
#[cfg(test)]
#[path = "relay/unrecorded.rs"]
mod unrecorded;

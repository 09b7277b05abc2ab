//! What comes out of an archive that holds sealed objects: opened for who may have it, and for nobody else. The archive is
//! the test itself, which changes what it hands out as it likes.

#[cfg(test)]
#[expect(dead_code, reason = "what all tests over sockets share; these need but a part of it")]
mod support;

#[cfg(test)]
#[path = "vault_relay/decoded.rs"]
mod decoded;
#[cfg(test)]
#[path = "vault_relay/further.rs"]
mod further;
#[cfg(test)]
#[path = "vault_relay/get.rs"]
mod get;
#[cfg(test)]
#[path = "vault_relay/moved.rs"]
mod moved;
#[cfg(test)]
#[path = "vault_relay/queries.rs"]
mod queries;
#[cfg(test)]
#[path = "vault_relay/site.rs"]
mod site;
#[cfg(test)]
#[path = "vault_relay/wrong.rs"]
mod wrong;

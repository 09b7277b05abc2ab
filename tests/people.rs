//! People over real sockets: user identities on the wire, what the archive sees of them, and when access ends.

#[cfg(test)]
#[expect(dead_code, reason = "what all tests over sockets share; these need but a part of it")]
mod support;

#[cfg(test)]
#[path = "people/house.rs"]
mod house;
#[cfg(test)]
#[path = "people/memory.rs"]
mod memory;
#[cfg(test)]
#[path = "people/passcodes.rs"]
mod passcodes;
#[cfg(test)]
#[path = "people/session.rs"]
mod session;

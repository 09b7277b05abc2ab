//! TLS as devices meet it: handshakes in memory between the gateway's configurations and clients of all kinds.

#[cfg(test)]
#[path = "pki/clients.rs"]
mod clients;
#[cfg(test)]
#[path = "pki/handshakes.rs"]
mod handshakes;
#[cfg(test)]
#[path = "pki/loading.rs"]
mod loading;
#[cfg(test)]
#[path = "pki/pins.rs"]
mod pins;
#[cfg(test)]
#[path = "pki/resumption.rs"]
mod resumption;
#[cfg(test)]
#[path = "pki/servers.rs"]
mod servers;
#[cfg(test)]
#[path = "pki/world.rs"]
mod world;

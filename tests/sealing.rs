//! Objects that are sealed on their way to an archive, over real sockets: what the archive gets, what the sender is told, what
//! the ledger and the record say; and archives and senders that fail at every point.

#[cfg(test)]
#[expect(dead_code, reason = "what all tests over sockets share; these need but a part of it")]
mod support;

#[cfg(test)]
#[path = "sealing/away.rs"]
mod away;
#[cfg(test)]
#[path = "sealing/committed.rs"]
mod committed;
#[cfg(test)]
#[path = "sealing/doubted.rs"]
mod doubted;
#[cfg(test)]
#[path = "sealing/failing.rs"]
mod failing;
#[cfg(test)]
#[path = "sealing/read_back.rs"]
mod read_back;
#[cfg(test)]
#[path = "sealing/recompressed.rs"]
mod recompressed;
#[cfg(test)]
#[path = "sealing/refused.rs"]
mod refused;
#[cfg(test)]
#[path = "sealing/reloaded.rs"]
mod reloaded;
#[cfg(test)]
#[path = "sealing/resent.rs"]
mod resent;
#[cfg(test)]
#[path = "sealing/rotated.rs"]
mod rotated;
#[cfg(test)]
#[path = "sealing/site.rs"]
mod site;
#[cfg(test)]
#[path = "sealing/stored.rs"]
mod stored;

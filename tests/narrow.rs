//! Queries of which only part of the answers may be seen, over real sockets, against an archive that the test plays itself.

#[cfg(test)]
#[expect(dead_code, reason = "what all tests over sockets share; these need but a part of it")]
mod support;

#[cfg(test)]
#[path = "narrow/below.rs"]
mod below;
#[cfg(test)]
#[path = "narrow/budgets.rs"]
mod budgets;
#[cfg(test)]
#[path = "narrow/ends.rs"]
mod ends;
#[cfg(test)]
#[path = "narrow/kit.rs"]
mod kit;
#[cfg(test)]
#[path = "narrow/memory.rs"]
mod memory;
#[cfg(test)]
#[path = "narrow/patients.rs"]
mod patients;
#[cfg(test)]
#[path = "narrow/studies.rs"]
mod studies;
#[cfg(test)]
#[path = "narrow/worklist.rs"]
mod worklist;

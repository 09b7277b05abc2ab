//! Storage commitment over real sockets: a modality that asks, archives that report whenever and however they like, and
//! a gateway between them that loses nothing and tells nobody else.

#[cfg(test)]
#[expect(dead_code, reason = "what all tests over sockets share; these need but a part of it")]
mod support;

#[cfg(test)]
#[path = "commitment/reports.rs"]
mod reports;
#[cfg(test)]
#[path = "commitment/site.rs"]
mod site;

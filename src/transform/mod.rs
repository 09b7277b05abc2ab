//! What a permit makes of data sets on their way: attributes hidden in objects ([`hide`]), answers of queries cut down to
//! what somebody may see ([`narrow`]), pixels sealed and opened ([`seal`], [`open`]), another encoding ([`recode`]).
//!
//! Pure: bytes and values in, bytes out, bounded. It never decides who may see what: that is `policy`'s.

pub mod flow;
pub mod frames;
mod head;
pub mod hide;
pub mod narrow;
pub mod open;
pub mod recode;
pub mod same;
mod scan;
pub mod seal;

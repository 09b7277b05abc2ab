//! Attribute matching of queries (PS3.4 C.2.2.2): a key as somebody asked it against a value as something holds it.
//!
//! Works on decoded text ([`charset`] decodes it); the work is bounded by key length times value length. It never reads
//! data sets, never decides who may see what, and answers "no" for a value that is absent unless the key is universal.

pub mod charset;
pub mod identifier;
pub mod key;
mod name;
mod temporal;
mod wildcard;

pub use charset::CharacterSet;
pub use identifier::{Attributes, Identifier};
pub use key::{Extended, Key, KeyFault};

#[cfg(test)]
mod tests;

//! A computed CT study of one head: the same bytes at every run, on every machine. No patient ever lay there.

mod attributes;
pub mod pixels;

#[cfg(test)]
mod tests;

use super::object::Object;
pub use attributes::{Whose, single};

/// The study: [`pixels::SLICES`] slices of [`pixels::SIZE`] squared, explicit VR little endian.
pub fn study() -> Vec<Object> {
    (0..pixels::SLICES).filter_map(attributes::object).collect()
}

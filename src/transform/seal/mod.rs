//! Seals an object as it passes: what the family says is taken out of the data set and put into a seal; what stays is a
//! valid object with a banner for an image (docs/sealing.md).
//!
//! Pure and bounded: what is held back is the header; what has no known length is kept sealed, never in clear.

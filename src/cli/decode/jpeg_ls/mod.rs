//! JPEG-LS (ITU-T T.87, ISO/IEC 14495-1): a stream that has the size which the attributes say is decoded line by line, without
//! and with losses, in one scan or one of each component. What DICOM has no use for is refused: tables that map samples,
//! images of more than 65,535 rows or columns, point transforms, components of another size, colours that are transformed.

mod bits;
mod coding;
mod context;
mod fault;
mod frame;
mod markers;
mod scan;
#[cfg(test)]
mod tests;

pub(super) use frame::{Decoded, decode};

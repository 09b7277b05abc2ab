//! What an object says of itself at its top level: whose it is, and what the image that stands in its place depends on.

use super::order::{Begun, SealFault, SealOrder};
use crate::dicom::dataset::Head;
use crate::dicom::{Phi, Tag, Uid};
use crate::vault::family::Original;
use crate::vault::{Identity, PatientIdentity};

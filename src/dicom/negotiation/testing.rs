//! Requests for tests of this room and of those above it.

use super::APPLICATION_CONTEXT;
use crate::dicom::pdu::{AssociateRq, ProposedContext, RawTitle, Role, UserItems};
use crate::dicom::{AeTitle, Uid};

/// A request with these contexts (abstract syntax, transfer syntaxes) under the ids 1, 3, 5... and these roles (class, SCU, SCP).
pub fn request(contexts: &[(&str, &[&str])], roles: &[(&str, bool, bool)]) -> AssociateRq {
    let uid = |text: &str| Uid::new(text).unwrap();
    let title: RawTitle = AeTitle::new("X").unwrap().into();
    let context = |(at, (class, syntaxes)): (usize, &(&str, &[&str]))| ProposedContext {
        id: u8::try_from(2 * at + 1).unwrap(),
        abstract_syntax: uid(class),
        transfer_syntaxes: syntaxes.iter().map(|name| uid(name)).collect(),
    };
    let roles = roles.iter().map(|&(class, scu, scp)| Role { sop_class: uid(class), scu, scp }).collect();
    AssociateRq {
        protocol_version: 1,
        called: title,
        calling: title,
        reserved: [0; 32],
        application_context: uid(APPLICATION_CONTEXT),
        contexts: contexts.iter().enumerate().map(context).collect(),
        user: UserItems { max_length: 16_384, roles, ..UserItems::default() },
    }
}

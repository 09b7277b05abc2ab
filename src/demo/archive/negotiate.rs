//! What the archive accepts of an association request (PS3.8 7.1.1, PS3.7 annex D.3.3).

use crate::demo::link::MAX_PDATA;
use crate::demo::object::{IMPLEMENTATION, VERSION};
use crate::dicom::Uid;
use crate::dicom::pdu::{AnsweredContext, AssociateAc, AssociateRq, ContextResult, Role, UserItems, VersionName};
use std::collections::BTreeMap;

/// What a SOP class is to this archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Verification.
    Echo,
    /// Storage, private classes included.
    Storage,
    /// A query of the Patient or Study root.
    Find,
    /// A retrieve to somewhere else.
    Move,
    /// A retrieve on the same association.
    Get,
}

/// The service of a SOP class; `None`: not offered.
pub fn service_of(sop_class: &Uid) -> Option<Service> {
    match sop_class.as_str() {
        "1.2.840.10008.1.1" => Some(Service::Echo),
        "1.2.840.10008.5.1.4.1.2.1.1" | "1.2.840.10008.5.1.4.1.2.2.1" => Some(Service::Find),
        "1.2.840.10008.5.1.4.1.2.1.2" | "1.2.840.10008.5.1.4.1.2.2.2" => Some(Service::Move),
        "1.2.840.10008.5.1.4.1.2.1.3" | "1.2.840.10008.5.1.4.1.2.2.3" => Some(Service::Get),
        other if other.starts_with("1.2.840.10008.5.1.4.1.1.") => Some(Service::Storage),
        // What is not of DICOM's own root is a maker's private class; nearly all of them are stored.
        other if !other.starts_with("1.2.840.10008.") => Some(Service::Storage),
        // Hanging protocols, implant templates and colour palettes are stored too.
        "1.2.840.10008.5.1.4.38.1" | "1.2.840.10008.5.1.4.39.1" => Some(Service::Storage),
        _ => None,
    }
}

/// An accepted presentation context.
#[derive(Debug, Clone, Copy)]
pub struct Accepted {
    /// Its SOP class.
    pub sop_class: Uid,
    /// Its encoding.
    pub transfer_syntax: Uid,
    /// Whether the archive may send C-STOREs on it (C-GET).
    pub requestor_receives: bool,
}

/// The answer, and the contexts by id.
pub fn answer(request: &AssociateRq) -> (AssociateAc, BTreeMap<u8, Accepted>) {
    let mut accepted = BTreeMap::new();
    let mut contexts = Vec::with_capacity(request.contexts.len());
    for proposed in &request.contexts {
        let service = service_of(&proposed.abstract_syntax);
        let mut offered = proposed.transfer_syntaxes.iter();
        let (result, transfer_syntax) = match service {
            None => (ContextResult::AbstractSyntaxNotSupported, None),
            Some(Service::Storage) => (ContextResult::Acceptance, offered.next()),
            // Queries are read and answered by this program, in the two encodings it writes.
            Some(_) => (ContextResult::Acceptance, offered.find(|syntax| is_plain_little_endian(syntax))),
        };
        let result = match transfer_syntax {
            None if result.accepted() => ContextResult::TransferSyntaxesNotSupported,
            _ => result,
        };
        if let (true, Some(syntax)) = (result.accepted(), transfer_syntax) {
            let role = request.user.roles.iter().find(|role| role.sop_class == proposed.abstract_syntax);
            accepted.insert(
                proposed.id,
                Accepted {
                    sop_class: proposed.abstract_syntax,
                    transfer_syntax: *syntax,
                    requestor_receives: service == Some(Service::Storage) && role.is_some_and(|role| role.scp),
                },
            );
        }
        contexts.push(AnsweredContext {
            id: proposed.id,
            result,
            transfer_syntax: transfer_syntax.or(proposed.transfer_syntaxes.first()).copied(),
        });
    }
    let storage = |role: &Role| service_of(&role.sop_class) == Some(Service::Storage);
    let roles = request.user.roles.iter().map(|role| Role { scp: role.scp && storage(role), ..*role }).collect();
    let answer = AssociateAc {
        protocol_version: 1,
        called: request.called,
        calling: request.calling,
        reserved: request.reserved,
        application_context: request.application_context,
        contexts,
        user: user_items(roles),
    };
    (answer, accepted)
}

/// The user items that both sides of the demonstration send.
pub fn user_items(roles: Vec<Role>) -> UserItems {
    UserItems {
        max_length: MAX_PDATA,
        implementation_class: Uid::new(IMPLEMENTATION).ok(),
        implementation_version: VersionName::new(VERSION.as_bytes()),
        roles,
        ..UserItems::default()
    }
}

fn is_plain_little_endian(syntax: &Uid) -> bool {
    matches!(syntax.as_str(), "1.2.840.10008.1.2" | "1.2.840.10008.1.2.1")
}

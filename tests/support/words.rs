//! What devices say: proposals, commands, data sets.

use dicomgate::dicom::dataset::write::DataSet;
use dicomgate::dicom::dimse::{Command, Status};
use dicomgate::dicom::pdu::{
    AnsweredContext, AssociateAc, AssociateRq, ContextResult, ProposedContext, RawTitle, UserItems,
};
use dicomgate::dicom::transfer_syntax::Encoding;
use dicomgate::dicom::{AeTitle, Tag, Uid};

pub const VERIFICATION: &str = "1.2.840.10008.1.1";
pub const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
pub const MR: &str = "1.2.840.10008.5.1.4.1.1.4";
pub const KEY_OBJECT: &str = "1.2.840.10008.5.1.4.1.1.88.59";
pub const FIND: &str = "1.2.840.10008.5.1.4.1.2.2.1";
pub const MOVE: &str = "1.2.840.10008.5.1.4.1.2.2.2";
pub const GET: &str = "1.2.840.10008.5.1.4.1.2.2.3";
pub const MPPS: &str = "1.2.840.10008.3.1.2.3.3";
pub const COMMIT: &str = "1.2.840.10008.1.20.1";
pub const IMPLICIT: &str = "1.2.840.10008.1.2";
pub const EXPLICIT: &str = "1.2.840.10008.1.2.1";
pub const INSTANCE: &str = "1.2.3.4.5";

pub fn uid(text: &str) -> Uid {
    Uid::new(text).unwrap()
}

pub fn title(text: &str) -> RawTitle {
    AeTitle::new(text).unwrap().into()
}

/// A proposal of these classes under the ids 1, 3, 5, ..., explicit before implicit.
pub fn rq(calling: &str, classes: &[&str]) -> AssociateRq {
    let context = |(index, class): (usize, &&str)| ProposedContext {
        id: u8::try_from(2 * index + 1).unwrap(),
        abstract_syntax: uid(class),
        transfer_syntaxes: vec![uid(EXPLICIT), uid(IMPLICIT)],
    };
    AssociateRq {
        protocol_version: 1,
        called: title("PACS"),
        calling: title(calling),
        reserved: [0; 32],
        application_context: uid("1.2.840.10008.3.1.1.1"),
        contexts: classes.iter().enumerate().map(context).collect(),
        user: UserItems { max_length: 32_768, implementation_class: Some(uid("1.2.3")), ..UserItems::default() },
    }
}

/// Everything accepted, in the first transfer syntax.
pub fn ac(rq: &AssociateRq) -> AssociateAc {
    let accept = |context: &ProposedContext| AnsweredContext {
        id: context.id,
        result: ContextResult::Acceptance,
        transfer_syntax: context.transfer_syntaxes.first().copied(),
    };
    AssociateAc {
        protocol_version: 1,
        called: rq.called,
        calling: rq.calling,
        reserved: rq.reserved,
        application_context: rq.application_context,
        contexts: rq.contexts.iter().map(accept).collect(),
        user: UserItems {
            max_length: 65_536,
            implementation_class: Some(uid("1.9.9")),
            async_window: rq.user.async_window,
            roles: rq.user.roles.clone(),
            ..UserItems::default()
        },
    }
}

/// An object of a CT in explicit little endian, with so many bytes of pixels.
pub fn object(class: &str, instance: &str, pixels: usize) -> Vec<u8> {
    identified(class, instance).with(Tag(0x7fe0, 0x0010), b"OW", vec![0x5a; pixels]).encode(Encoding::ExplicitLe)
}

pub fn identified(class: &str, instance: &str) -> DataSet {
    DataSet::new()
        .with_uid(Tag(0x0008, 0x0016), &uid(class))
        .with_uid(Tag(0x0008, 0x0018), &uid(instance))
        .with(Tag(0x0008, 0x0060), b"CS", "CT")
        .with(Tag(0x0010, 0x0010), b"PN", "Test^Eva")
        .with(Tag(0x0010, 0x0020), b"LO", "4711")
        .with_uid(Tag(0x0020, 0x000d), &uid("1.2.3.4"))
        .with_uid(Tag(0x0020, 0x000e), &uid("1.2.3.4.1"))
}

/// A query or retrieve on the level of studies.
pub fn query() -> Vec<u8> {
    DataSet::new()
        .with(Tag(0x0008, 0x0052), b"CS", "STUDY")
        .with(Tag(0x0010, 0x0020), b"LO", "4711")
        .with(Tag(0x0020, 0x000d), b"UI", "")
        .encode(Encoding::ExplicitLe)
}

pub fn echo(message: u16) -> Command {
    Command::echo_rq(message, &uid(VERIFICATION))
}

pub fn store(message: u16) -> Command {
    Command::store_rq(message, &uid(CT), &uid(INSTANCE))
}

pub fn success(command: &Command) -> Command {
    command.response(Status::SUCCESS).unwrap()
}

pub fn answer(command: &Command, status: u16) -> Command {
    command.response(Status(status)).unwrap()
}

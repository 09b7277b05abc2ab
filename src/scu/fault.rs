//! Why an association of the gateway's own came to nothing.

use crate::dicom::dimse::CommandFault;
use crate::dicom::pdu::{Abort, AssociateRj, PduFault};
use crate::net::tls::TlsFault;
use crate::net::wire::WireFault;
use crate::pki;
use std::io;

/// Why there is no association, or no longer one.
#[derive(Debug, thiserror::Error)]
pub enum LinkFault {
    /// The address cannot be used as it is written.
    #[error("`{0}` is no HOST:PORT")]
    Address(String),
    /// More presentation contexts than an association has (128), or none.
    #[error("{0} presentation contexts cannot be asked for: one to 128 can")]
    Asks(usize),
    /// It could not be reached.
    #[error("it cannot be reached: {}", words(.0))]
    Away(io::Error),
    /// TLS with it failed; the words say what to do.
    #[error("TLS with it failed: {0}")]
    Tls(String),
    /// It said no, with the codes of PS3.8 table 9-21.
    #[error("it rejected the association: {}", reason(.0))]
    Rejected(AssociateRj),
    /// It ended the association, with the codes of PS3.8 9.3.8.
    #[error("it aborted the association ({}/{})", .0.source, .0.reason)]
    Aborted(Abort),
    /// It closed the connection, or the connection broke.
    #[error("it hung up")]
    HungUp,
    /// It released the association in an orderly way; the release was answered.
    #[error("it released the association")]
    Released,
    /// It did not answer in time.
    #[error("it did not answer in time")]
    Silent,
    /// What it sends is no DICOM.
    #[error("what it sends is malformed: {0}")]
    Malformed(String),
    /// It accepted no presentation context for what was asked of it, in words.
    #[error("{0}")]
    NotOffered(&'static str),
    /// A data set over the limit of the link, bytes.
    #[error("it sends a data set of more than {0} bytes")]
    TooLong(usize),
    /// More answers than were expected at most.
    #[error("it gives more than {0} answers")]
    TooMany(usize),
    /// Nothing can be sent: the association is over, or was not asked for that context.
    #[error("nothing can be sent on presentation context {0}")]
    Context(u8),
}

impl LinkFault {
    /// A connection's fault; TLS in the words of who has to put it right.
    pub(super) fn of_wire(fault: WireFault) -> Self {
        match fault {
            WireFault::Lost(_) => Self::HungUp,
            WireFault::Tls(TlsFault::Protocol(fault)) => Self::Tls(pki::explain(&fault).words),
            WireFault::Tls(fault) => Self::Tls(fault.to_string()),
        }
    }
}

impl From<PduFault> for LinkFault {
    fn from(fault: PduFault) -> Self {
        Self::Malformed(fault.to_string())
    }
}

impl From<CommandFault> for LinkFault {
    fn from(fault: CommandFault) -> Self {
        Self::Malformed(fault.to_string())
    }
}

/// An error of the operating system without its number.
fn words(fault: &io::Error) -> String {
    let text = fault.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

/// PS3.8 table 9-21 in words.
fn reason(rj: &AssociateRj) -> String {
    let lasting = if rj.result == 2 { "for now" } else { "for good" };
    let why = match (rj.source, rj.reason) {
        (1, 1) => "no reason given",
        (1, 2) => "application context not supported",
        (1, 3) => "calling title not recognised",
        (1, 7) => "called title not recognised",
        (2, 1) => "no reason given, by the upper layer",
        (2, 2) => "protocol version not supported",
        (3, 1) => "temporary congestion",
        (3, 2) => "local limit exceeded",
        _ => "a reason that the standard does not have",
    };
    format!("{why}, {lasting} ({}/{}/{})", rj.result, rj.source, rj.reason)
}

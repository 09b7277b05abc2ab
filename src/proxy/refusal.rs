//! Refusals before data transfer: the record, the metric, and who the record says it was.

use super::connection::Newcomer;
use super::edge;
use super::shared::Shared;
use crate::audit::event::{Caller, Cause, CertificateNote, EdgeNote, TlsNote};
use crate::audit::{AssociationId, Incident, Unrecorded};
use crate::dicom::pdu::AssociateRq;
use crate::gate::Refusal;
use crate::identity::{Presented, Proof};
use crate::policy::{Policy, Principal};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often counted refusals are recorded.
const SUM: Duration = Duration::from_secs(1);

/// What is known of a caller by now.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Known<'a> {
    pub(super) presented: Option<&'a Presented>,
    pub(super) rq: Option<&'a AssociateRq>,
    pub(super) principal: Option<&'a Principal>,
    /// The name of a person that was tried, as a record may show it.
    pub(super) tried: Option<&'a str>,
}

impl<'a> Known<'a> {
    fn edge(self, policy: &Policy) -> Option<EdgeNote<'a>> {
        edge::read(policy, self.principal?, self.rq?)
    }
}

/// Calls `record` with who it was.
pub(super) fn with_caller<T>(newcomer: &Newcomer, known: Known<'_>, record: impl FnOnce(Caller<'_>) -> T) -> T {
    let tls = newcomer.wire.tls();
    let version = tls.and_then(|tls| tls.protocol_version()).map(|version| match version {
        rustls::ProtocolVersion::TLSv1_3 => "1.3",
        rustls::ProtocolVersion::TLSv1_2 => "1.2",
        _ => "?",
    });
    let suite = tls.and_then(|tls| tls.negotiated_cipher_suite()).and_then(|suite| suite.suite().as_str());
    let group = tls.and_then(|tls| tls.negotiated_key_exchange_group()).and_then(|group| group.name().as_str());
    let resumed = tls.and_then(|tls| tls.handshake_kind()) == Some(rustls::HandshakeKind::Resumed);
    let facts = match known.presented.map(|presented| &presented.proof) {
        Some(Proof::Mutual(facts)) => Some(facts),
        _ => None,
    };
    record(Caller {
        association: newcomer.id,
        listener: &newcomer.listener.name,
        from: newcomer.wire.remote(),
        calling: known.rq.map(|rq| rq.calling.0.as_slice()),
        called: known.rq.map(|rq| rq.called.0.as_slice()),
        peer: known.principal.map(|principal| &*principal.name),
        tls: version.map(|version| TlsNote {
            version,
            suite: suite.unwrap_or("?"),
            group: group.unwrap_or("-"),
            resumed,
        }),
        certificate: facts.map(|facts| CertificateNote { subject: &facts.subject, serial: &facts.serial }),
        edge: known.edge(&newcomer.snapshot.policy),
        user: known.principal.and_then(|principal| principal.user.as_deref()),
        tried: known.tried,
    })
}

/// A connection ends before it has become an association.
pub(super) fn connection(newcomer: &Newcomer, known: Known<'_>, cause: Cause, words: &str) {
    newcomer.shared.metrics.refused.with_label_values(&[cause.as_str()]).inc();
    let generation = newcomer.snapshot.generation;
    let refusal =
        with_caller(newcomer, known, |caller| newcomer.shared.gate.refuse_connection(generation, caller, cause, words));
    connection_said(&newcomer.listener.name, newcomer.wire.remote(), refusal);
}

/// A connection ends before a byte of it is read: there are too many.
pub(super) fn too_many(
    shared: &Shared,
    generation: u64,
    association: AssociationId,
    listener: &str,
    from: SocketAddr,
    words: &str,
) {
    let cause = Cause::Limit;
    shared.metrics.refused.with_label_values(&[cause.as_str()]).inc();
    let caller = Caller {
        association,
        listener,
        from,
        calling: None,
        called: None,
        peer: None,
        tls: None,
        certificate: None,
        edge: None,
        user: None,
        tried: None,
    };
    connection_said(listener, from, shared.gate.refuse_connection(generation, caller, cause, words));
}

fn connection_said(listener: &str, from: SocketAddr, refusal: Refusal) {
    if refusal.summed {
        return;
    }
    let incident = refusal.incident.map(tracing::field::display);
    tracing::info!(%listener, %from, incident, cause = refusal.cause.as_str(), "connection refused");
}

/// Records once a second what was refused beyond what is recorded one by one, until told to stop.
pub(super) async fn sum(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(SUM) => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
        match shared.gate.sum_refusals(shared.snapshot().generation) {
            Ok(0) => {}
            Ok(refused) => {
                tracing::warn!(refused, "more refusals than are recorded one by one: counted in the audit log")
            }
            Err(Unrecorded) => tracing::error!("refusals could not be recorded; they are kept and counted on"),
        }
    }
}

/// An association is rejected.
pub(super) fn association(newcomer: &Newcomer, known: Known<'_>, to: Option<&str>, cause: Cause, words: &str) {
    newcomer.shared.metrics.refused.with_label_values(&[cause.as_str()]).inc();
    let generation = newcomer.snapshot.generation;
    let refusal = with_caller(newcomer, known, |caller| {
        newcomer.shared.gate.refuse_association(generation, caller, to, cause, words)
    });
    if !refusal.summed {
        said(newcomer, known, cause, refusal.incident);
    }
}

/// The line in the log of a rejected association.
pub(super) fn said(newcomer: &Newcomer, known: Known<'_>, cause: Cause, incident: Option<Incident>) {
    let incident = incident.map(tracing::field::display);
    let peer = known.principal.map(|principal| &*principal.name);
    if cause == Cause::Unrecorded {
        tracing::error!(
            listener = %newcomer.listener.name, from = %newcomer.wire.remote(), peer,
            "association refused: nothing can be recorded; is the disk of the state folder full?"
        );
        return;
    }
    tracing::info!(
        listener = %newcomer.listener.name, from = %newcomer.wire.remote(), incident, cause = cause.as_str(), peer,
        "association refused"
    );
}

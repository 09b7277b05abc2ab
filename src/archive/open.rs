//! Opens an association with an archive, or with the peer that a delivery of an archive goes to.

use super::capacity::Place;
use super::leg::Leg;
use crate::config::Archive;
use crate::dicom::association::{Association, Event, Outgoing};
use crate::dicom::pdu::{self, AssociateAc, AssociateRj, AssociateRq, Framer, FramerLimits, Pdu};
use crate::net::buffer::Pool;
use crate::net::tls::Session;
use crate::net::wire::WireFault;
use crate::net::{Wire, dial};
use bytes::Bytes;
use ipnet::IpNet;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where to dial.
#[derive(Debug, Clone)]
pub struct Target<'a> {
    /// `HOST:PORT`, an IPv6 address in brackets.
    pub address: String,
    /// Local address that the connection comes from.
    pub bind: Option<IpAddr>,
    /// How long it may take to connect.
    pub connect: Duration,
    /// The networks that it must lie in; empty: anywhere.
    pub within: &'a [IpNet],
    /// TLS, if any. What the other side's certificate must show is in it.
    pub tls: Option<&'a Arc<ClientConfig>>,
}

impl<'a> Target<'a> {
    /// An archive.
    pub fn archive(archive: &Archive, tls: Option<&'a Arc<ClientConfig>>) -> Self {
        let address = archive.address.to_string();
        Self { address, bind: archive.bind_address, connect: archive.connect_timeout, within: &[], tls }
    }

    /// The host alone, brackets undone.
    fn host(&self) -> &str {
        let host = self.address.rsplit_once(':').map_or(self.address.as_str(), |(host, _)| host);
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }
}

/// What the other side is asked.
#[derive(Debug)]
pub struct Call<'a> {
    /// Where it is.
    pub target: Target<'a>,
    /// The proposal.
    pub request: &'a AssociateRq,
    /// What it may send at once: what the proposal announces.
    pub limits: FramerLimits,
    /// ARTIM.
    pub artim: Duration,
    /// From dialling to its answer.
    pub deadline: Instant,
    /// Read buffers.
    pub pool: &'a Arc<Pool>,
}

/// Why there is no association.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveFault {
    /// It could not be reached.
    #[error("it cannot be reached: {0}")]
    Away(io::Error),
    /// TLS with it failed.
    #[error("TLS with it failed: {0}")]
    Tls(WireFault),
    /// It said no.
    #[error("it rejected the association ({}/{}/{})", .0.result, .0.source, .0.reason)]
    Rejected(AssociateRj),
    /// It aborted or hung up.
    #[error("it hung up before it answered")]
    HungUp,
    /// Its answer is no DICOM.
    #[error("its answer is malformed: {0}")]
    Malformed(String),
    /// It did not answer in time.
    #[error("it did not answer in time")]
    Silent,
}

/// Dials, does TLS where configured, proposes, and waits for the answer. Whatever fails, the connection is closed.
///
/// # Errors
/// Why there is no association.
pub async fn open(call: Call<'_>, place: Option<Place>) -> Result<(Leg, Box<AssociateAc>), ArchiveFault> {
    let deadline = tokio::time::Instant::from_std(call.deadline);
    tokio::time::timeout_at(deadline, try_open(call, place)).await.unwrap_or(Err(ArchiveFault::Silent))
}

async fn try_open(call: Call<'_>, place: Option<Place>) -> Result<(Leg, Box<AssociateAc>), ArchiveFault> {
    let target = &call.target;
    let tcp = dial::tcp_within(&target.address, target.bind, target.within, target.connect)
        .await
        .map_err(ArchiveFault::Away)?;
    let remote = tcp.peer_addr().map_err(ArchiveFault::Away)?;
    let mut wire = Wire::plain(tcp, remote, Arc::clone(call.pool));
    if let Some(tls) = target.tls {
        let name = ServerName::try_from(target.host().to_owned())
            .map_err(|fault| ArchiveFault::Away(io::Error::new(io::ErrorKind::InvalidInput, fault)))?;
        let session = Session::client(Arc::clone(tls), name).map_err(|fault| ArchiveFault::Tls(fault.into()))?;
        wire = wire.with_tls(session);
        wire.handshake().await.map_err(ArchiveFault::Tls)?;
    }
    let mut machine = Association::requestor(call.artim);
    machine.on(Event::Evt1, Instant::now());
    let connected = machine.on(Event::Evt2, Instant::now());
    if connected.send == Some(Outgoing::AssociateRq) {
        wire.send(Bytes::from(call.request.encode()));
    }
    wire.flush().await.map_err(|_| ArchiveFault::HungUp)?;
    let mut framer = Framer::new(call.limits);
    loop {
        let Ok(Some(input)) = wire.recv().await else { return Err(ArchiveFault::HungUp) };
        framer.feed(input.clone());
        match framer.next() {
            Ok(None) => {}
            Ok(Some(pdu::Event::Control { pdu, end })) => {
                machine.on(Event::from(&pdu), Instant::now());
                return match pdu {
                    Pdu::AssociateAc(ac) => {
                        // An archive may talk at once; what came behind its answer is the relay's.
                        if end < input.len() {
                            wire.unread(input.get(end..).unwrap_or_default());
                        }
                        Ok((Leg::new(wire, Framer::new(call.limits), machine, place), ac))
                    }
                    Pdu::AssociateRj(rj) => Err(ArchiveFault::Rejected(rj)),
                    _ => Err(ArchiveFault::HungUp),
                };
            }
            Ok(Some(_)) => return Err(ArchiveFault::Malformed("data before an answer".into())),
            Err(fault) => {
                let effects = machine.on(Event::from(fault), Instant::now());
                if let Some(bytes) = effects.send.and_then(Outgoing::bytes) {
                    wire.send(Bytes::copy_from_slice(&bytes));
                    // It is told why; whether it listens does not matter any more.
                    let _ = wire.flush().await;
                }
                return Err(ArchiveFault::Malformed(fault.to_string()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_what_stands_before_the_port() {
        for (address, host) in
            [("ws1.hospital.example:104", "ws1.hospital.example"), ("10.0.0.7:104", "10.0.0.7"), ("[::1]:104", "::1")]
        {
            let target = Target {
                address: address.to_owned(),
                bind: None,
                connect: Duration::from_secs(1),
                within: &[],
                tls: None,
            };
            assert_eq!(target.host(), host);
            assert!(ServerName::try_from(host).is_ok());
        }
    }
}

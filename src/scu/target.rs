//! Whom to call, and what to ask for.

use super::{IMPLEMENTATION_CLASS, IMPLEMENTATION_VERSION, LinkFault, MAX_PDATA};
use crate::dicom::negotiation::{APPLICATION_CONTEXT, Roles};
use crate::dicom::pdu::{AssociateRq, ProposedContext, Role, UserItems, VersionName};
use crate::dicom::{AeTitle, Uid};
use ipnet::IpNet;
use rustls::ClientConfig;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Whom to call, and how long to wait for it.
#[derive(Debug, Clone)]
pub struct Target<'a> {
    /// `HOST:PORT`, an IPv6 address in brackets.
    pub address: &'a str,
    /// The local address that the connection comes from.
    pub bind: Option<IpAddr>,
    /// The networks that it must lie in; empty: anywhere.
    pub within: &'a [IpNet],
    /// TLS towards it, which knows the certificate that it must show; `None`: plain.
    pub tls: Option<Arc<ClientConfig>>,
    /// The gateway's title in this association.
    pub calling: AeTitle,
    /// The title called.
    pub called: AeTitle,
    /// How long the connection may take to open.
    pub connect: Duration,
    /// How long TLS and the answer to the association request may take together, and later each answer.
    pub answer: Duration,
}

/// A target that is kept, to be called again.
#[derive(Debug, Clone)]
pub struct Home {
    address: String,
    within: Vec<IpNet>,
    rest: Target<'static>,
}

impl Home {
    /// Of this target.
    pub fn of(target: &Target<'_>) -> Self {
        let Target { address, bind, within, tls, calling, called, connect, answer } = target.clone();
        let rest = Target { address: "", bind, within: &[], tls, calling, called, connect, answer };
        Self { address: address.to_owned(), within: within.to_vec(), rest }
    }

    /// The target.
    pub fn target(&self) -> Target<'_> {
        Target { address: &self.address, within: &self.within, ..self.rest.clone() }
    }
}

/// A presentation context to be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// SOP class.
    pub class: Uid,
    /// Encodings, the preferred one first.
    pub syntaxes: Vec<Uid>,
    /// What the gateway wants to be; `None`: SCU, without saying so (PS3.7 D.3.3.4).
    pub roles: Option<Roles>,
}

impl Ask {
    /// Asks for a class in explicit or implicit VR little endian, as SCU.
    pub fn plain(class: Uid) -> Self {
        use crate::dicom::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN};
        let syntaxes = [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN].iter();
        Self { class, syntaxes: syntaxes.filter_map(|text| Uid::new(text).ok()).collect(), roles: None }
    }

    /// The same with roles asked for.
    #[must_use]
    pub fn with_roles(self, roles: Roles) -> Self {
        Self { roles: Some(roles), ..self }
    }
}

/// An accepted presentation context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// Its id.
    pub id: u8,
    /// SOP class.
    pub class: Uid,
    /// Encoding of data sets.
    pub syntax: Uid,
    /// What the association's requestor may be.
    pub roles: Roles,
}

/// The association request for these contexts, ids 1, 3, 5 and so on in the order given.
///
/// # Errors
/// No context, or more than 128.
pub fn proposal(target: &Target<'_>, asks: &[Ask]) -> Result<AssociateRq, LinkFault> {
    let wrong = || LinkFault::Asks(asks.len());
    if asks.is_empty() {
        return Err(wrong());
    }
    let mut contexts = Vec::with_capacity(asks.len());
    let mut roles: Vec<Role> = Vec::new();
    for (index, ask) in asks.iter().enumerate() {
        let id = u8::try_from(index * 2 + 1).map_err(|_| wrong())?;
        contexts.push(ProposedContext { id, abstract_syntax: ask.class, transfer_syntaxes: ask.syntaxes.clone() });
        if let Some(asked) = ask.roles
            && !roles.iter().any(|role| role.sop_class == ask.class)
        {
            roles.push(Role { sop_class: ask.class, scu: asked.scu, scp: asked.scp });
        }
    }
    Ok(AssociateRq {
        protocol_version: 1,
        called: target.called.into(),
        calling: target.calling.into(),
        reserved: [0; 32],
        application_context: Uid::new(APPLICATION_CONTEXT).map_err(|_| wrong())?,
        contexts,
        user: user_items(roles),
    })
}

/// The host of `HOST:PORT`, brackets taken off.
pub(super) fn host_of(address: &str) -> Option<&str> {
    let (host, _) = address.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok())?;
    let host = host.strip_prefix('[').map_or(Some(host), |inner| inner.strip_suffix(']'))?;
    (!host.is_empty()).then_some(host)
}

/// What the gateway says of itself, either side.
pub(super) fn user_items(roles: Vec<Role>) -> UserItems {
    UserItems {
        max_length: MAX_PDATA,
        implementation_class: Uid::new(IMPLEMENTATION_CLASS).ok(),
        implementation_version: VersionName::new(IMPLEMENTATION_VERSION),
        roles,
        ..UserItems::default()
    }
}

//! What certificates are measured against: CAs, revocation lists, pinned keys.

use super::fault::PkiFault;
use super::load::{self, content};
use crate::policy::Anchor;
use rustls::DistinguishedName;
use rustls_pki_types::TrustAnchor;
use std::collections::HashSet;
use std::path::Path;
use webpki::{CertRevocationList, OwnedCertRevocationList};

/// A trust anchor with the validity of the certificate it came from, which path validation does not look at.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    pub(crate) source: Anchor,
    pub(crate) anchor: TrustAnchor<'static>,
    pub(crate) subject: String,
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
}

/// All that decides whether a certificate is accepted.
#[derive(Debug, Default)]
pub struct Trust {
    /// CAs of `client_ca`.
    pub(crate) own: Vec<Root>,
    /// CAs that peers name with `trust`.
    pub(crate) partners: Vec<Root>,
    /// SHA-256 of pinned public keys.
    pub(crate) pins: HashSet<[u8; 32]>,
    /// Revocation lists.
    pub(crate) lists: Vec<List>,
    /// Whether issuers are looked up in the lists too.
    pub(crate) whole_chain: bool,
    /// Whether a list past its time is as good as none.
    pub(crate) refuse_old_lists: bool,
}

/// One revocation list.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) list: CertRevocationList<'static>,
    pub(crate) issuer: String,
    pub(crate) issuer_der: Vec<u8>,
    pub(crate) next_update: Option<i64>,
}

impl Trust {
    /// Reads the CAs of a file.
    pub(crate) fn roots(file: &Path, source: &Anchor) -> Result<Vec<Root>, PkiFault> {
        let mut roots = Vec::new();
        for der in load::authorities(file)? {
            let parsed = load::parse(&der).map_err(|reason| content(file, "CA certificate", reason))?;
            let anchor = webpki::anchor_from_trusted_cert(&der)
                .map_err(|fault| content(file, "CA certificate", format!("{fault:?}")))?;
            roots.push(Root {
                source: source.clone(),
                anchor: anchor.to_owned(),
                subject: super::facts::printable(&parsed.subject().to_string()),
                not_before: parsed.validity().not_before.timestamp(),
                not_after: parsed.validity().not_after.timestamp(),
            });
        }
        Ok(roots)
    }

    /// Reads the revocation lists of a file.
    pub(crate) fn lists(file: &Path) -> Result<Vec<List>, PkiFault> {
        use x509_parser::prelude::FromDer;
        let mut lists = Vec::new();
        for der in load::revocation_lists(file)? {
            let list = OwnedCertRevocationList::from_der(&der)
                .map_err(|fault| content(file, "revocation list", format!("{fault:?}")))?;
            let (_, parsed) = x509_parser::revocation_list::CertificateRevocationList::from_der(&der)
                .map_err(|_| content(file, "revocation list", "it is not an X.509 CRL"))?;
            lists.push(List {
                list: CertRevocationList::from(list),
                issuer: super::facts::printable(&parsed.issuer().to_string()),
                issuer_der: parsed.issuer().as_raw().to_vec(),
                next_update: parsed.next_update().map(|time| time.timestamp()),
            });
        }
        Ok(lists)
    }

    /// Whether nothing at all could be accepted.
    pub fn is_empty(&self) -> bool {
        self.own.is_empty() && self.partners.is_empty() && self.pins.is_empty()
    }

    /// The CA names that a server sends along when it asks for a certificate. None where keys are pinned: many
    /// clients (Java, Windows) then hold back a certificate whose issuer is not in the list, as every self-signed one.
    pub(crate) fn hints(&self) -> Vec<DistinguishedName> {
        if !self.pins.is_empty() {
            return Vec::new();
        }
        let mut hints: Vec<DistinguishedName> = Vec::new();
        for root in self.own.iter().chain(&self.partners) {
            let name = DistinguishedName::in_sequence(root.anchor.subject.as_ref());
            if !hints.iter().any(|hint| hint.as_ref() == name.as_ref()) {
                hints.push(name);
            }
        }
        hints
    }

    /// Whether a list names this serial of this issuer; for pinned keys, whose chain is not followed.
    pub(crate) fn lists_serial(&self, issuer: &[u8], serial: &[u8]) -> bool {
        self.lists
            .iter()
            .any(|list| list.issuer_der == issuer && list.list.find_serial(serial).is_ok_and(|found| found.is_some()))
    }
}

//! Whether a certificate is accepted, and what it says. The same answer serves handshakes and resumed sessions.

use super::facts::Parsed;
use super::fault::CertificateFault;
use super::trust::{Root, Trust};
use crate::policy::{Anchor, CertificateFacts};
use rustls::DistinguishedName;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use webpki::{
    CertRevocationList, EndEntityCert, Error, ExpirationPolicy, KeyUsage, RevocationCheckDepth, UnknownStatusPolicy,
};
use x509_parser::x509::X509Version;

mod handshake;
mod wording;

/// The most certificates read of one peer, its own included.
pub const MAX_CHAIN: usize = 8;
/// The most chains whose verification is remembered.
pub const MAX_REMEMBERED: usize = 4096;
/// RSA keys under this many bits are refused (RFC 9325 4.5).
pub const MIN_RSA_BITS: usize = 2048;

/// Checks certificates against one state of CAs, revocation lists and pins; a reload makes a new one.
pub struct Verifier {
    trust: Trust,
    own: Vec<TrustAnchor<'static>>,
    partners: Vec<TrustAnchor<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
    hints: Vec<DistinguishedName>,
    /// Chains that verified, by SHA-256 and use: path building and revocation lists cost signatures, devices call often.
    remembered: Mutex<HashMap<(Use, [u8; 32]), Remembered>>,
}

struct Remembered {
    facts: Arc<CertificateFacts>,
    /// Seconds since 1970, both included, between which the answer holds.
    holds: (i64, i64),
}

/// What a certificate is shown for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Use {
    Client,
    Server,
}

impl Verifier {
    /// A verifier for what is trusted.
    pub fn new(trust: Trust) -> Self {
        let anchors = |roots: &[Root]| roots.iter().map(|root| root.anchor.clone()).collect();
        Self {
            own: anchors(&trust.own),
            partners: anchors(&trust.partners),
            algorithms: super::suites::provider().signature_verification_algorithms,
            hints: trust.hints(),
            remembered: Mutex::default(),
            trust,
        }
    }

    /// Whether no certificate whatever would be accepted.
    pub fn is_empty(&self) -> bool {
        self.trust.is_empty()
    }

    /// Verifies a client's chain, its own certificate first, at `now` (seconds since 1970), and says what it says.
    /// For every connection after its handshake, resumed ones above all: rustls does not verify those again. A chain
    /// that verified a moment ago costs one digest.
    pub fn recheck(&self, chain: &[CertificateDer<'_>], now: i64) -> Result<Arc<CertificateFacts>, CertificateFault> {
        let (leaf, others) = chain.split_first().ok_or(CertificateFault::Missing)?;
        self.check(leaf, others, Use::Client, now)
    }

    /// Verifies the chain that a server of ours showed, in the same way.
    pub fn recheck_server(
        &self,
        chain: &[CertificateDer<'_>],
        now: i64,
    ) -> Result<Arc<CertificateFacts>, CertificateFault> {
        let (leaf, others) = chain.split_first().ok_or(CertificateFault::Missing)?;
        self.check(leaf, others, Use::Server, now)
    }

    pub(crate) fn check(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        purpose: Use,
        now: i64,
    ) -> Result<Arc<CertificateFacts>, CertificateFault> {
        if others.len() >= MAX_CHAIN {
            return Err(CertificateFault::TooMany(others.len() + 1));
        }
        let key = (purpose, digest(leaf, others));
        if let Some(facts) = self.recall(&key, now) {
            return Ok(facts);
        }
        let parsed = Parsed::new(leaf).map_err(CertificateFault::Malformed)?;
        let (anchor, until) = self.vouch(leaf, others, &parsed, purpose, now)?;
        let facts = Arc::new(parsed.facts(anchor));
        self.remember(key, Remembered { facts: Arc::clone(&facts), holds: (now, until) });
        Ok(facts)
    }

    /// Who vouches for a certificate, and until when that holds if nothing is reloaded.
    fn vouch(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        parsed: &Parsed<'_>,
        purpose: Use,
        now: i64,
    ) -> Result<(Anchor, i64), CertificateFault> {
        strong(parsed)?;
        let fault = match self.by_chain(leaf, others, parsed, purpose, now) {
            Ok(vouched) => return Ok(vouched),
            Err(fault) => fault,
        };
        if !self.trust.pins.contains(&parsed.spki) || matches!(fault, CertificateFault::Revoked { .. }) {
            return Err(fault);
        }
        self.unlisted(parsed)?;
        Ok((Anchor::Pinned, i64::MAX))
    }

    fn by_chain(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        parsed: &Parsed<'_>,
        purpose: Use,
        now: i64,
    ) -> Result<(Anchor, i64), CertificateFault> {
        if parsed.x509.version() != X509Version::V3 {
            return Err(CertificateFault::VersionOne { subject: parsed.subject.clone() });
        }
        let certificate =
            EndEntityCert::try_from(leaf).map_err(|fault| wording::fault(&fault, parsed, purpose, now))?;
        // Our own CA's lists must be complete; partners' CAs are only checked where a list of theirs is given.
        let own = self.path(&certificate, others, &self.own, UnknownStatusPolicy::Deny, purpose, now);
        let fault = match own {
            Ok(vouched) => return Ok(vouched),
            Err(fault) => fault,
        };
        let stranger = |fault: &Error| matches!(fault, Error::UnknownIssuer | Error::InvalidSignatureForPublicKey);
        let fault = if stranger(&fault) && !self.partners.is_empty() {
            match self.path(&certificate, others, &self.partners, UnknownStatusPolicy::Allow, purpose, now) {
                Ok(vouched) => return Ok(vouched),
                Err(theirs) if stranger(&theirs) => fault,
                Err(theirs) => theirs,
            }
        } else {
            fault
        };
        Err(wording::fault(&fault, parsed, purpose, now))
    }

    fn path(
        &self,
        certificate: &EndEntityCert<'_>,
        others: &[CertificateDer<'_>],
        anchors: &[TrustAnchor<'static>],
        unknown: UnknownStatusPolicy,
        purpose: Use,
        now: i64,
    ) -> Result<(Anchor, i64), Error> {
        let usage = match purpose {
            Use::Client => KeyUsage::client_auth(),
            Use::Server => KeyUsage::server_auth(),
        };
        let time = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now).unwrap_or(0)));
        let lists: Vec<&CertRevocationList<'_>> = self.trust.lists.iter().map(|list| &list.list).collect();
        let revocation = webpki::RevocationOptionsBuilder::new(&lists).ok().map(|options| {
            let depth =
                if self.trust.whole_chain { RevocationCheckDepth::Chain } else { RevocationCheckDepth::EndEntity };
            let old = if self.trust.refuse_old_lists { ExpirationPolicy::Enforce } else { ExpirationPolicy::Ignore };
            options.with_depth(depth).with_status_policy(unknown).with_expiration_policy(old).build()
        });
        let alive = |path: &webpki::VerifiedPath<'_>| self.root(path.anchor(), now).map(|_| ());
        let found = certificate.verify_for_usage(
            self.algorithms.all,
            anchors,
            others,
            time,
            usage,
            revocation,
            Some(&alive),
        )?;
        let root = self.root(found.anchor(), now)?;
        let mut until = root.not_after;
        for der in
            std::iter::once(certificate.der()).chain(found.intermediate_certificates().map(|issuer| issuer.der()))
        {
            until = until.min(super::load::parse(&der).map_or(now, |parsed| parsed.validity().not_after.timestamp()));
        }
        if self.trust.refuse_old_lists {
            // webpki wants the time to be before nextUpdate, not at it
            let due = self.trust.lists.iter().filter_map(|list| list.next_update).filter(|&due| due > now).min();
            until = until.min(due.map_or(i64::MAX, |due| due - 1));
        }
        Ok((root.source.clone(), until))
    }

    /// The configured CA that a path ended at, if it is within its validity.
    fn root(&self, anchor: &TrustAnchor<'_>, now: i64) -> Result<&Root, Error> {
        let same = |root: &&Root| {
            root.anchor.subject == anchor.subject
                && root.anchor.subject_public_key_info == anchor.subject_public_key_info
        };
        // path() is asked with either list, and a CA that stands in both is our own
        let mut expired = Error::UnknownIssuer;
        for root in self.trust.own.iter().chain(&self.trust.partners).filter(same) {
            if (root.not_before..=root.not_after).contains(&now) {
                return Ok(root);
            }
            let at =
                |seconds: i64| UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
            expired = Error::CertExpired { time: at(now), not_after: at(root.not_after) };
        }
        Err(expired)
    }

    /// Whether a certificate has exactly this key and no list names it; nothing else is looked at.
    pub(crate) fn check_pinned(&self, leaf: &CertificateDer<'_>, key: &[u8; 32]) -> Result<(), CertificateFault> {
        let parsed = Parsed::new(leaf).map_err(CertificateFault::Malformed)?;
        strong(&parsed)?;
        if parsed.spki != *key {
            let wanted = format!("the key `sha256:{}`", super::facts::hex(key));
            return Err(CertificateFault::WrongName { subject: parsed.subject, wanted });
        }
        self.unlisted(&parsed)
    }

    /// A pin speaks for a key, not against a revocation list that names this very certificate.
    fn unlisted(&self, parsed: &Parsed<'_>) -> Result<(), CertificateFault> {
        if self.trust.lists_serial(parsed.x509.issuer().as_raw(), parsed.x509.raw_serial()) {
            return Err(CertificateFault::Revoked { subject: parsed.subject.clone(), serial: parsed.serial() });
        }
        Ok(())
    }

    fn recall(&self, key: &(Use, [u8; 32]), now: i64) -> Option<Arc<CertificateFacts>> {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let found = remembered.get(key)?;
        (found.holds.0..=found.holds.1).contains(&now).then(|| Arc::clone(&found.facts))
    }

    fn remember(&self, key: (Use, [u8; 32]), chain: Remembered) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(key, chain);
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("trust", &self.trust).finish_non_exhaustive()
    }
}

/// SHA-256 over all certificates, each with its length.
fn digest(leaf: &[u8], others: &[CertificateDer<'_>]) -> [u8; 32] {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for der in std::iter::once(leaf).chain(others.iter().map(AsRef::as_ref)) {
        context.update(&der.len().to_be_bytes());
        context.update(der);
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

/// RSA keys must be long enough; other kinds have one strength only.
fn strong(parsed: &Parsed<'_>) -> Result<(), CertificateFault> {
    match parsed.rsa_bits().filter(|&bits| bits < MIN_RSA_BITS) {
        Some(bits) => Err(CertificateFault::WeakKey { subject: parsed.subject.clone(), bits }),
        None => Ok(()),
    }
}

//! Everything that TLS needs, read from its files in one go.

use super::facts::CertificateStatus;
use super::fault::{PkiFault, day};
use super::load::{self, content};
use super::trust::Trust;
use super::verifier::Verifier;
use crate::config::{CrlCheck, CrlExpired};
use crate::policy::Anchor;
use rustls::sign::CertifiedKey;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What peers bring with them.
#[derive(Debug, Clone, Default)]
pub struct PeerTrust {
    /// SHA-256 of pinned SubjectPublicKeyInfos.
    pub pins: Vec<[u8; 32]>,
    /// CAs of their own: the path as the policy names it, and where the file is.
    pub trust: Vec<(String, PathBuf)>,
}

/// The files of one TLS side.
#[derive(Debug, Clone, Default)]
pub struct TlsFiles {
    /// Our certificate, its intermediates behind it.
    pub certificate: PathBuf,
    /// Its key.
    pub private_key: PathBuf,
    /// CAs whose certificates are accepted.
    pub client_ca: Option<PathBuf>,
    /// Revocation lists.
    pub crl: Option<PathBuf>,
    /// How far up revocation is checked.
    pub crl_check: CrlCheck,
    /// What an old list means.
    pub crl_expired: CrlExpired,
    /// What peers bring with them.
    pub peers: PeerTrust,
    /// What is shown to single peers instead of ours, each certificate with its key: opened to say whether it can be.
    pub shown: Vec<(PathBuf, PathBuf)>,
}

/// Something that works and should not stay so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// A key that others may read.
    #[error("`{}` can be read by others than its owner: chmod 600", .0.display())]
    ExposedKey(PathBuf),
    /// A certificate near its end, or past it.
    #[error("`{}`: `{subject}` ends {}: issue a new one", .file.display(), day(*.not_after))]
    Ends {
        /// The file.
        file: PathBuf,
        /// Whose certificate.
        subject: String,
        /// Last second of validity, seconds since 1970.
        not_after: i64,
    },
    /// A revocation list past its time.
    #[error("`{}`: the revocation list of `{issuer}` ended {}: fetch the current one", .file.display(), day(*.next_update))]
    OldList {
        /// The file.
        file: PathBuf,
        /// Whose list.
        issuer: String,
        /// When a newer one was due, seconds since 1970.
        next_update: i64,
    },
}

/// How long before its end a certificate is warned about, in seconds: 30 days.
pub const WARN_BEFORE: i64 = 30 * 86_400;

/// Key, certificate and trust of one TLS side, checked and ready.
#[derive(Debug, Clone)]
pub struct TlsMaterial {
    /// What we show and sign with.
    pub identity: Arc<CertifiedKey>,
    /// What others are measured against.
    pub verifier: Arc<Verifier>,
    /// Our own certificate, for metrics.
    pub status: CertificateStatus,
    /// What works and should not stay so.
    pub warnings: Vec<Warning>,
}

impl TlsMaterial {
    /// Reads all files, and tells all that is wrong with them. `now`: seconds since 1970, for warnings alone.
    pub fn load(files: &TlsFiles, now: i64) -> Result<Self, Vec<PkiFault>> {
        let mut faults = Vec::new();
        let mut warnings = Vec::new();
        let identity = keep(identity(&files.certificate, &files.private_key), &mut faults);
        let mut trust = Trust {
            whole_chain: files.crl_check == CrlCheck::Chain,
            refuse_old_lists: files.crl_expired == CrlExpired::Refuse,
            pins: files.peers.pins.iter().copied().collect(),
            ..Trust::default()
        };
        if let Some(file) = &files.client_ca {
            trust.own = keep(Trust::roots(file, &Anchor::ClientCa), &mut faults).unwrap_or_default();
            warn_of_ends(file, &trust.own, now, &mut warnings);
        }
        for (named, file) in &files.peers.trust {
            let source = Anchor::Peer(Arc::from(named.as_str()));
            if trust.partners.iter().any(|root| root.source == source) {
                continue;
            }
            let roots = keep(Trust::roots(file, &source), &mut faults).unwrap_or_default();
            warn_of_ends(file, &roots, now, &mut warnings);
            trust.partners.extend(roots);
        }
        for (certificate, key) in &files.shown {
            let Some((_, status)) = keep(self::identity(certificate, key), &mut faults) else { continue };
            if status.not_after - now < WARN_BEFORE {
                let (file, not_after) = (certificate.clone(), status.not_after);
                warnings.push(Warning::Ends { file, subject: status.subject, not_after });
            }
        }
        if let Some(file) = &files.crl {
            trust.lists = keep(Trust::lists(file), &mut faults).unwrap_or_default();
            for list in &trust.lists {
                if let Some(next_update) = list.next_update.filter(|&end| end < now) {
                    warnings.push(Warning::OldList { file: file.clone(), issuer: list.issuer.clone(), next_update });
                }
            }
        }
        let Some((identity, status)) = identity.filter(|_| faults.is_empty()) else { return Err(faults) };
        if load::is_exposed(&files.private_key) {
            warnings.push(Warning::ExposedKey(files.private_key.clone()));
        }
        if status.not_after - now < WARN_BEFORE {
            let (file, subject) = (files.certificate.clone(), status.subject.clone());
            warnings.push(Warning::Ends { file, subject, not_after: status.not_after });
        }
        Ok(Self { identity, verifier: Arc::new(Verifier::new(trust)), status, warnings })
    }
}

/// A certificate chain and its key, checked against each other.
fn identity(certificate: &Path, key: &Path) -> Result<(Arc<CertifiedKey>, CertificateStatus), PkiFault> {
    let chain = load::certificates(certificate)?;
    let parsed = chain
        .iter()
        .map(|der| load::parse(der).map_err(|reason| content(certificate, "certificate", reason)))
        .collect::<Result<Vec<_>, _>>()?;
    for (index, pair) in parsed.windows(2).enumerate() {
        if let [issued, issuer] = pair
            && issued.issuer().as_raw() != issuer.subject().as_raw()
        {
            return Err(PkiFault::ChainOrder { file: certificate.to_path_buf(), position: index + 2 });
        }
    }
    let leaf = chain.first().ok_or_else(|| content(certificate, "certificate", "it is empty"))?;
    let status = super::facts::status(leaf).map_err(|reason| content(certificate, "certificate", reason))?;
    let private = load::private_key(key)?;
    let signing = super::suites::provider().key_provider.load_private_key(private).map_err(|fault| {
        content(
            key,
            "private key",
            format!("{fault}; ECDSA P-256 or P-384, Ed25519, or RSA of at least 2048 bits is needed"),
        )
    })?;
    let identity = CertifiedKey::new(chain, signing);
    match identity.keys_match() {
        Ok(()) => Ok((Arc::new(identity), status)),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(PkiFault::KeyMismatch { certificate: certificate.to_path_buf(), key: key.to_path_buf() })
        }
        Err(fault) => Err(content(certificate, "certificate", fault.to_string())),
    }
}

fn keep<T>(result: Result<T, PkiFault>, faults: &mut Vec<PkiFault>) -> Option<T> {
    result.map_err(|fault| faults.push(fault)).ok()
}

fn warn_of_ends(file: &Path, roots: &[super::trust::Root], now: i64, warnings: &mut Vec<Warning>) {
    for root in roots.iter().filter(|root| root.not_after - now < WARN_BEFORE) {
        warnings.push(Warning::Ends {
            file: file.to_path_buf(),
            subject: root.subject.clone(),
            not_after: root.not_after,
        });
    }
}

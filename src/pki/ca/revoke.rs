//! Revoking, and the list that says so (RFC 5280 5).

use super::{CRL_DAYS, Ca, CaFault, DAY, Issued, files, since_epoch};
use rcgen::{CertificateRevocationListParams, KeyIdMethod, RevocationReason, RevokedCertParams, SerialNumber};
use std::path::PathBuf;

/// Why a certificate is revoked (RFC 5280 5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Nothing said.
    #[default]
    Unspecified,
    /// The key may be in other hands.
    KeyCompromise,
    /// The device has a new certificate.
    Superseded,
    /// The device is gone.
    CessationOfOperation,
}

/// Which certificates to revoke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// All that were issued under a name and are still valid.
    Name(String),
    /// One, by its serial in hexadecimal; colons and case do not matter.
    Serial(String),
}

impl Which {
    fn takes(&self, issued: &Issued) -> bool {
        let digits = |text: &str| text.replace(':', "").to_ascii_uppercase();
        match self {
            Self::Name(name) => issued.name == *name,
            Self::Serial(serial) => digits(serial).trim_start_matches('0') == issued.serial.trim_start_matches('0'),
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Name(name) => format!("`{name}`"),
            Self::Serial(serial) => format!("serial `{serial}`"),
        }
    }
}

impl Ca {
    /// Revokes, and writes the new list. Returns what is revoked by this call.
    pub fn revoke(&self, which: &Which, reason: Reason, now: i64) -> Result<Vec<Issued>, CaFault> {
        let mut all = self.issued()?;
        let mut revoked = Vec::new();
        for issued in all.iter_mut().filter(|issued| which.takes(issued)) {
            if issued.revoked.is_none() && issued.not_after >= now {
                issued.revoked = Some(now);
                issued.reason = Some(reason);
                revoked.push(issued.clone());
            }
        }
        if revoked.is_empty() {
            return Err(CaFault::NothingToRevoke(which.words()));
        }
        self.write_index(&all)?;
        self.write_list(&all, now)?;
        Ok(revoked)
    }

    /// Signs the list anew, so that it does not grow too old. Returns its file.
    pub fn refresh(&self, now: i64) -> Result<PathBuf, CaFault> {
        self.write_list(&self.issued()?, now)
    }

    /// Writes `ca.crl`: what is revoked and not past its end.
    pub(super) fn write_list(&self, all: &[Issued], now: i64) -> Result<PathBuf, CaFault> {
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let mut revoked_certs = Vec::new();
        for issued in all.iter().filter(|issued| issued.not_after >= now) {
            let (Some(when), Some(serial)) = (issued.revoked, issued.serial_bytes()) else { continue };
            revoked_certs.push(RevokedCertParams {
                serial_number: SerialNumber::from_slice(&serial),
                revocation_time: epoch + since_epoch(when),
                // RFC 5280 5.3.1: unspecified is said by saying nothing
                reason_code: match issued.reason.unwrap_or_default() {
                    Reason::Unspecified => None,
                    Reason::KeyCompromise => Some(RevocationReason::KeyCompromise),
                    Reason::Superseded => Some(RevocationReason::Superseded),
                    Reason::CessationOfOperation => Some(RevocationReason::CessationOfOperation),
                },
                invalidity_date: None,
            });
        }
        let file = self.dir.join("ca.crl");
        let list = CertificateRevocationListParams {
            this_update: epoch + since_epoch(now - super::BACKDATED),
            next_update: epoch + since_epoch(now + i64::from(CRL_DAYS) * DAY),
            crl_number: SerialNumber::from(u64::try_from(now).unwrap_or(0)),
            issuing_distribution_point: None,
            revoked_certs,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        files::replace(&file, list.signed_by(&self.issuer)?.pem()?.as_bytes(), files::PUBLIC)?;
        Ok(file)
    }
}

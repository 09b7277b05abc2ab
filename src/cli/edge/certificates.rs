//! Who vouches for whom: the certificate of the small gateway, and that both gateways will believe each other.

use super::No;
use super::plan::Plan;
use crate::config::Settings;
use crate::pki::ca::{Ca, LEAF_DAYS, Order};
use crate::pki::{TlsFiles, TlsMaterial, facts, load};
use crate::policy::CertificateFacts;
use std::io::Read as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A certificate with its key, as they stand in their files.
pub(super) struct Issued {
    pub(super) certificate: Vec<u8>,
    pub(super) key: Zeroizing<Vec<u8>>,
    /// Last second of validity.
    pub(super) until: i64,
}

/// Where the certificate comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// A CA on this machine issues it.
    Ca { dir: PathBuf, renew: bool },
    /// It was issued elsewhere: certificate and key.
    Files { certificate: PathBuf, key: PathBuf },
}

/// What the main gateway's own certificate says.
pub(super) fn shown_by(main: &Settings) -> Result<CertificateFacts, No> {
    let Some(tls) = &main.tls else {
        return Err("this gateway has no [tls]: the one beside the device could not come to it".to_owned().into());
    };
    let chain = load::certificates(&tls.certificate).map_err(|fault| fault.to_string())?;
    let leaf = chain.first().ok_or_else(|| format!("`{}` is empty", tls.certificate.display()))?;
    Ok(facts::unchecked(leaf).map_err(|reason| format!("`{}`: {reason}", tls.certificate.display()))?)
}

/// The CAs that vouch for both gateways.
pub(super) fn authority(main: &Settings) -> Result<Vec<u8>, No> {
    let path = client_ca(main)?;
    read(&path).map(|bytes| bytes.to_vec())
}

fn client_ca(main: &Settings) -> Result<PathBuf, No> {
    let path = main.tls.as_ref().and_then(|tls| tls.client_ca.clone());
    Ok(path.ok_or_else(|| {
        "this gateway has no `client_ca`, so nothing could vouch for the one beside the device".to_owned()
    })?)
}

/// Finds where the certificate is to come from; nothing is issued yet.
pub(super) fn source(
    main: &Settings,
    plan: &Plan,
    ca: Option<&Path>,
    issued: Option<&Path>,
    force: bool,
) -> Result<Source, No> {
    let name = &plan.name;
    if let Some(folder) = issued {
        let file = |ending: &str| folder.join(format!("{name}.{ending}"));
        return Ok(Source::Files { certificate: file("crt"), key: file("key") });
    }
    let dir = match ca {
        Some(dir) => dir.to_path_buf(),
        None => client_ca(main)?.parent().map(Path::to_path_buf).unwrap_or_default(),
    };
    let shown = dir.display();
    if !dir.join("ca.key").is_file() {
        let server = if plan.deliveries.is_some() { " --server" } else { "" };
        return Err(format!(
            "the key of the CA is not here: there is no `{shown}/ca.key`, and --ca names no other folder. Where the CA is, run\n    \
             dicomgate certs issue --for {name}{server}\n    \
             dicomgate certs show certs/{name}.crt\n\
             the second shows until when it holds. Carry {name}.crt and {name}.key here, and say --issued with their folder"
        )
        .into());
    }
    let trusted = load::authorities(&client_ca(main)?).map_err(|fault| fault.to_string())?;
    let own = load::authorities(&dir.join("ca.crt")).map_err(|fault| fault.to_string())?;
    if !own.first().is_some_and(|own| trusted.contains(own)) {
        return Err(format!(
            "the CA in `{shown}` is not in `client_ca` of this gateway, which would refuse what it issues: --ca names the right one"
        )
        .into());
    }
    let there = ["crt", "key"].iter().map(|ending| dir.join(format!("{name}.{ending}"))).find(|file| file.exists());
    if let (Some(file), false) = (there, force) {
        return Err(format!(
            "`{}` is there already: a certificate was issued for `{name}`. --force issues another one; if the old one is lost, \
             revoke it: dicomgate certs revoke --dir {shown} --for {name}",
            file.display()
        )
        .into());
    }
    Ok(Source::Ca { dir, renew: force })
}

impl Source {
    /// Issues or reads the certificate.
    pub(super) fn take(&self, plan: &Plan, now: i64) -> Result<Issued, No> {
        let (certificate, key) = match self {
            Self::Files { certificate, key } => (certificate.clone(), key.clone()),
            Self::Ca { dir, renew } => {
                let host = plan.deliveries.as_ref().and_then(|back| super::plan::endpoint(&back.dialled).ok());
                let ip: Option<IpAddr> = host.as_ref().and_then(|host| host.host.parse().ok());
                let order = Order {
                    name: plan.name.clone(),
                    dns: Vec::new(),
                    ip: ip.into_iter().collect(),
                    // It answers where the main gateway dials.
                    server: plan.deliveries.is_some(),
                    days: LEAF_DAYS,
                    renew: *renew,
                };
                let issued = Ca::open(dir).and_then(|ca| ca.issue(&order, now)).map_err(|fault| fault.to_string())?;
                (issued.certificate, issued.key)
            }
        };
        let chain = load::certificates(&certificate).map_err(|fault| fault.to_string())?;
        let leaf = chain.first().ok_or_else(|| format!("`{}` is empty", certificate.display()))?;
        let status = facts::status(leaf).map_err(|reason| format!("`{}`: {reason}", certificate.display()))?;
        let named = facts::unchecked(leaf).ok().and_then(|facts| facts.common_name);
        if named.as_deref() != Some(&*plan.name) {
            return Err(format!(
                "`{}` is not the certificate of `{}`: its common name is another; --name says which is meant",
                certificate.display(),
                plan.name
            )
            .into());
        }
        let bytes = read(&certificate)?.to_vec();
        Ok(Issued { certificate: bytes, key: read(&key)?, until: status.not_after })
    }

    /// The key lies in the new folder now; the CA keeps none.
    pub(super) fn forget(&self, name: &str) -> Result<(), No> {
        let Self::Ca { dir, .. } = self else { return Ok(()) };
        let key = dir.join(format!("{name}.key"));
        Ok(std::fs::remove_file(&key)
            .map_err(|fault| format!("`{}` must be deleted by hand: {fault}", key.display()))?)
    }
}

/// That the edge will believe the main gateway, before anything is issued for it.
pub(super) fn main_is_vouched_for(main: &Settings, plan: &Plan, now: i64) -> Result<(), No> {
    let Some(tls) = &main.tls else { return Ok(()) };
    let files = TlsFiles {
        certificate: tls.certificate.clone(),
        private_key: tls.private_key.clone(),
        client_ca: tls.client_ca.clone(),
        ..TlsFiles::default()
    };
    let material = material(&files, now)?;
    let told = |what: &str, fault: String| {
        format!(
            "the gateway beside `{}` would not {what} this one: {fault}; `client_ca` must hold the CA of `{}` too",
            plan.peer,
            tls.certificate.display()
        )
    };
    let chain = &material.identity.cert;
    material.verifier.recheck_server(chain, now).map_err(|fault| told("believe", fault.to_string()))?;
    if plan.deliveries.is_some() {
        material.verifier.recheck(chain, now).map_err(|fault| told("let deliver", fault.to_string()))?;
    }
    Ok(())
}

/// That the main gateway will believe the edge. `edge`: its files.
pub(super) fn main_accepts(main: &Settings, edge: &TlsFiles, now: i64) -> Result<(), No> {
    let edge = material(edge, now)?;
    let Some(files) = TlsFiles::of(main) else { return Ok(()) };
    let main = material(&files, now)?;
    let accepted = main.verifier.recheck(&edge.identity.cert, now);
    accepted
        .map_err(|fault| format!("this gateway would refuse the certificate of the one beside the device: {fault}"))?;
    Ok(())
}

fn material(files: &TlsFiles, now: i64) -> Result<TlsMaterial, No> {
    TlsMaterial::load(files, now).map_err(|faults| {
        let words: Vec<String> = faults.iter().map(ToString::to_string).collect();
        No::from(words.join("\n"))
    })
}

/// Certificates and keys are small.
const LONGEST: u64 = 1 << 20;

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, No> {
    let mut bytes = Zeroizing::new(Vec::new());
    let opened = std::fs::File::open(path).and_then(|file| file.take(LONGEST).read_to_end(&mut bytes));
    opened.map_err(|fault| format!("`{}` cannot be read: {fault}", path.display()))?;
    Ok(bytes)
}

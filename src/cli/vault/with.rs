//! What sealed objects are opened with: the ring, from a folder or by the configuration, or an escrow key.

use crate::cli::EXIT_CONFIGURATION;
use crate::config;
use crate::keys::{self, KeysFault, Problem};
use crate::vault::Unlock;
use crate::vault::escrow::EscrowKey;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A private key file is not longer, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Makes of a private key in another form, or an encrypted one, what this reads.
const CONVERT: &str = "openssl pkcs8 -topk8 -nocrypt -in FILE | dicomgate vault ... --escrow-key -";

/// The key.
#[derive(Debug, clap::Args)]
pub struct With {
    /// Folder of ring key files; without it, the ring of the configuration
    #[arg(long, value_name = "DIR", conflicts_with = "escrow_key")]
    keys: Option<PathBuf>,
    /// Private key of an escrow certificate (PKCS#8, PEM or DER, not encrypted); `-` reads it from standard input
    #[arg(long, value_name = "FILE")]
    escrow_key: Option<PathBuf>,
    /// The configuration that names the ring
    #[arg(long, short, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    config: PathBuf,
}

impl With {
    /// Loads it; on failure says why, and returns the exit code.
    pub fn unlock(&self) -> Result<Unlock, ExitCode> {
        if let Some(file) = &self.escrow_key {
            return Ok(Arc::new(escrow_key(file)?).into());
        }
        if let Some(folder) = &self.keys {
            return match keys::load_folder(folder) {
                Ok(ring) => Ok(Arc::new(ring).into()),
                // Whoever recovers must not be told to make a key.
                Err(KeysFault(problems)) if matches!(problems.as_slice(), [Problem::Empty(_)]) => {
                    let what = if folder.is_dir() { "no key of a ring lies in it" } else { "there is no such folder" };
                    Err(usage(&format!(
                        "`{}`: {what}: --keys takes the folder of the files ring-NNNN.key",
                        folder.display()
                    )))
                }
                Err(fault) => Err(usage(&fault)),
            };
        }
        let settings = config::load(&self.config).map_err(|faults| {
            eprintln!("{faults}");
            eprintln!("without a configuration: --keys DIR or --escrow-key FILE");
            ExitCode::from(EXIT_CONFIGURATION)
        })?;
        let Some(vault) = &settings.vault else {
            eprintln!("`{}` has no [vault]: name the key with --keys DIR or --escrow-key FILE", self.config.display());
            return Err(ExitCode::from(EXIT_CONFIGURATION));
        };
        let (ring, _) = keys::load(vault).map_err(|fault| usage(&fault))?;
        Ok(Arc::new(ring).into())
    }
}

/// Reads a private key of escrow; on failure says why, and returns the exit code.
pub fn escrow_key(file: &Path) -> Result<EscrowKey, ExitCode> {
    let bytes = read(file).map_err(|fault| usage(&format!("`{}`: {fault}", file.display())))?;
    let key = match PrivatePkcs8KeyDer::from_pem_slice(&bytes) {
        Ok(der) => EscrowKey::from_pkcs8(der.secret_pkcs8_der()),
        Err(_) => EscrowKey::from_pkcs8(&bytes),
    };
    key.map_err(|fault| {
        match instead(&bytes) {
            Some(words) => eprintln!("`{}`: {words}", file.display()),
            None => eprintln!("`{}`: {fault}; of other forms `{CONVERT}` makes one", file.display()),
        }
        ExitCode::from(2)
    })
}

/// What a file is that was taken for a private key, where that can be told.
fn instead(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let has = |word: &str| text.contains(word);
    let words = if has("dicomgate ring key ") {
        "it is a key of the ring: `--keys` takes the folder that it lies in"
    } else if has("ENCRYPTED") {
        return Some(format!("it is encrypted: `{CONVERT}` asks for its passphrase"));
    } else if has("-----BEGIN ") && !has("-----END ") {
        "it is cut off: take the other copy"
    } else if has("PRIVATE KEY-----") {
        return None;
    } else if has("-----BEGIN CERTIFICATE") {
        "it is a certificate: the private key that goes with it opens, which is kept elsewhere"
    } else if bytes.is_empty() {
        "it is empty: take the other copy"
    } else {
        return None;
    };
    Some(words.to_owned())
}

fn read(file: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    // As long as it may be at once: growing would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(65_537));
    if file == Path::new("-") {
        std::io::stdin().lock().take(LONGEST).read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(file)?.take(LONGEST).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

fn usage(fault: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("{fault}");
    ExitCode::from(2)
}

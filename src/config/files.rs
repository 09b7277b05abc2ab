//! What the configuration names on disk: there, readable, and not readable by others. What certificates say is the
//! business of `pki`.

use super::fault::{Fault, Severity};
use super::load::{read, words};
use super::validated::{Kind, Named};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Where a file is looked for that is not there.
const PATHS: &str = "relative paths begin at the folder of gateway.toml, or above it if it is called `config`";
/// The digits of the key that rows of the state are sealed with: 256 bits.
const ROW_KEY_DIGITS: usize = 64;
/// How such a key is made.
const ROW_KEY: &str = "`openssl rand -hex 32` makes one; all replicas have the same";
/// Permission bits of everybody who is neither owner nor group.
const OTHERS: u32 = 0o007;

/// Looks at every path that the configuration names.
pub(super) fn look(named: &[Named]) -> Vec<Fault> {
    named.iter().filter_map(look_at).collect()
}

fn look_at(named: &Named) -> Option<Fault> {
    let path = named.path.as_path();
    let said = |message: String| Fault { message, ..named.place.clone() };
    match named.kind {
        // Read already; what was wrong is said where the path stands.
        Kind::Own => {
            let fault = read(path).err().map(|words| said(format!("`{}`: {words}", path.display())));
            fault.map(|fault| if path.exists() { fault } else { fault.with_hint(PATHS) })
        }
        Kind::Folder => folder(path).map(said),
        Kind::Told => None,
        Kind::Accounts if !path.exists() => {
            let words = format!("`{}` is not there yet: nobody has an account", path.display());
            Some(Fault { severity: Severity::Warning, ..said(words) }.with_hint("`dicomgate user add` makes it"))
        }
        Kind::File | Kind::Escrow | Kind::Module | Kind::Key | Kind::RowKey | Kind::Password | Kind::Accounts => {
            let fault = file(path).map(|words| said(format!("`{}` cannot be read: {words}", path.display())));
            let exposed =
                || exposed(path).map(|(severity, message, hint)| Fault { severity, ..said(message) }.with_hint(hint));
            fault.map(|fault| fault.with_hint(hint(path, named.kind))).or_else(|| match named.kind {
                Kind::Key | Kind::Password | Kind::Accounts => exposed(),
                Kind::RowKey => odd_row_key(path).map(|message| said(message).with_hint(ROW_KEY)).or_else(exposed),
                Kind::File | Kind::Escrow | Kind::Module | Kind::Folder | Kind::Own | Kind::Told => None,
            })
        }
    }
}

fn hint(path: &Path, kind: Kind) -> String {
    let folder = path.parent().unwrap_or(Path::new(""));
    match folder.as_os_str().is_empty() || folder.is_dir() {
        true if kind == Kind::Password => "write the password into it, alone, and chmod 600".to_owned(),
        true if path.is_dir() => "name the file, not the folder that it lies in".to_owned(),
        true if kind == Kind::Module => "install the token's module, and name its file in `module-path`".to_owned(),
        true if kind == Kind::Escrow => {
            "`dicomgate vault new-key --make-escrow DIR` makes a pair, if there is none".to_owned()
        }
        true => "`dicomgate certs` makes keys and certificates".to_owned(),
        false => PATHS.to_owned(),
    }
}

/// Why a file cannot be read.
fn file(path: &Path) -> Option<String> {
    let open = std::fs::File::open(path).and_then(|file| file.metadata());
    match open {
        Ok(meta) if meta.is_dir() => Some("it is a folder".to_owned()),
        Ok(_) => None,
        Err(error) => Some(words(&error)),
    }
}

/// Why a folder cannot be used. It may not be there yet, if the one above is or can be made.
fn folder(path: &Path) -> Option<String> {
    match std::fs::metadata(path) {
        Ok(meta) if !meta.is_dir() => Some(format!("`{}` is not a folder", path.display())),
        Ok(meta) if meta.permissions().readonly() => Some(format!("`{}` may not be written to", path.display())),
        Ok(_) => None,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => Some(format!("`{}` cannot be used: {}", path.display(), words(&error))),
    }
}

/// Why a file cannot hold the key of the state's rows. What it holds is never said.
fn odd_row_key(path: &Path) -> Option<String> {
    let sound = read(path).is_ok_and(|text| {
        let digits = text.trim();
        digits.len() == ROW_KEY_DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    });
    (!sound).then(|| format!("`{}` does not hold a key: {ROW_KEY_DIGITS} hexadecimal digits", path.display()))
}

/// Whether others can read a key.
fn exposed(path: &Path) -> Option<(Severity, String, String)> {
    let meta = std::fs::metadata(path).ok()?;
    let mode = meta.mode();
    (mode & OTHERS != 0).then(|| {
        let message = format!("every user of this machine can read `{}` (mode {:03o})", path.display(), mode & 0o777);
        (Severity::Weakness, message, format!("chmod 600 {}", path.display()))
    })
}

//! What is picked and what was found, as files: JSON, the result signed by the escrow key over its exact text.

use crate::audit::body;
use crate::vault::escrow::Escrow;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::io::{self, Read as _};
use std::path::Path;

/// The list of what was picked, in the folder that is carried over.
pub const PICKED: &str = "drill.json";
/// What was found, in the same folder.
pub const RESULT: &str = "result.json";
/// Neither file is longer, in bytes.
const LONGEST: u64 = 4 << 20;

/// What was picked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Picked {
    /// 128 random bits, hexadecimal: one drill.
    pub drill: String,
    /// When it was picked.
    pub picked: jiff::Timestamp,
    /// Title of the archive that it was picked from; empty: it was picked where nobody knew.
    pub archive: String,
    /// That archive gives objects SOP Instance UIDs of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub minted: bool,
    /// The files.
    pub objects: Vec<PickedObject>,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PickedObject {
    /// Name in the folder.
    pub file: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// The drill.
    pub drill: String,
    /// When it was picked.
    pub picked: jiff::Timestamp,
    /// Title of the archive that it was picked from, as the list says.
    pub archive: String,
    /// When it was opened.
    pub opened: jiff::Timestamp,
    /// For each object that was picked.
    pub objects: Vec<FoundObject>,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FoundObject {
    /// Name in the folder.
    pub file: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// What is in it, if it opened.
    pub inside: Option<Inside>,
    /// Why it did not.
    pub fault: Option<String>,
}

/// What was in an object. Nothing of a patient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inside {
    /// SOP Instance UID.
    pub sop_instance: String,
    /// The sealing, 32 hexadecimal digits.
    pub seal: String,
    /// The ring key that it names.
    pub key: Option<u32>,
    /// How many segments.
    pub segments: u32,
    /// Bytes of the payload.
    pub bytes: u64,
    /// SHA-256 of the payload, hexadecimal.
    pub sha256: String,
}

/// A result with its signature.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// 1.
    pub dicomgate_drill: u32,
    /// [`Found`] in JSON: this text is what is signed.
    pub result: String,
    /// By the escrow key, in base64.
    pub signature: String,
}

impl Signed {
    /// What was found, and the certificate whose key says so.
    pub fn check<'a>(&self, escrow: &'a [Escrow]) -> Result<(Found, &'a Escrow), String> {
        if self.dicomgate_drill != 1 {
            return Err("it is a result of another format".to_owned());
        }
        let signature = STANDARD.decode(&self.signature).map_err(|_| "its signature is no base64".to_owned())?;
        let signer = escrow.iter().find(|escrow| escrow.verifies(self.result.as_bytes(), &signature));
        let signer = signer.ok_or("no escrow certificate of [vault] goes with the key that signed it")?;
        let found: Found = serde_json::from_str(&self.result).map_err(|fault| format!("what is signed: {fault}"))?;
        Ok((found, signer))
    }
}

impl Found {
    /// How many opened.
    pub fn opened(&self) -> usize {
        self.objects.iter().filter(|object| object.inside.is_some() && object.fault.is_none()).count()
    }

    /// Whether all did, and there were any.
    pub fn all(&self) -> bool {
        !self.objects.is_empty() && self.opened() == self.objects.len()
    }
}

/// Reads a file of JSON that is not too long.
pub fn read<T: serde::de::DeserializeOwned>(path: &Path) -> io::Result<T> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(LONGEST).read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text)?)
}

/// A name in the folder that leads nowhere else.
pub fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    !name.is_empty() && name.len() <= 80 && name.chars().all(plain) && !name.starts_with('.')
}

/// SHA-256 of bytes that come in pieces, in hexadecimal digits.
pub struct Sha256(ring::digest::Context);

impl Sha256 {
    /// Before the first byte.
    pub fn new() -> Self {
        Self(ring::digest::Context::new(&ring::digest::SHA256))
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest.
    pub fn hex(self) -> String {
        body::hex(self.0.finish().as_ref())
    }

    /// Of all of it.
    pub fn of(bytes: &[u8]) -> String {
        let mut digest = Self::new();
        digest.update(bytes);
        digest.hex()
    }
}

//! The text of a key file:
//!
//! ```text
//! dicomgate ring key 1
//! key: 64 hexadecimal digits, or base64
//! check: 16 hexadecimal digits
//! ```
//!
//! or, wrapped by a token, `wrapped: MECHANISM BASE64` in place of `key`. Empty lines and lines that begin with `#` are for
//! people.

use super::check::CheckValue;
use crate::vault::KeyId;
use crate::vault::suite::Key256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;
use zeroize::{Zeroize as _, Zeroizing};

/// First words of the file; the number follows.
const TITLE: &str = "dicomgate ring key ";

/// What a key file holds.
#[derive(Debug)]
pub(super) struct KeyText {
    pub id: KeyId,
    pub content: Content,
    pub check: CheckValue,
}

/// The key, or what a token makes it of.
#[derive(Debug)]
pub(super) enum Content {
    Key(Key256),
    Wrapped(Wrapped),
}

/// A key that a token has wrapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrapped {
    pub how: Wrapping,
    pub bytes: Vec<u8>,
}

/// How a token wraps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrapping {
    /// CKM_AES_KEY_WRAP (RFC 3394), by C_WrapKey.
    AesKeyWrap,
    /// CKM_AES_GCM, by C_Encrypt: 12 bytes of nonce, ciphertext, 16 bytes of tag.
    AesGcm,
    /// CKM_RSA_PKCS_OAEP with SHA-256.
    RsaOaepSha256,
    /// CKM_RSA_PKCS_OAEP with SHA-1, for tokens that know no other.
    RsaOaepSha1,
}

impl Wrapping {
    pub const ALL: [Self; 4] = [Self::AesKeyWrap, Self::AesGcm, Self::RsaOaepSha256, Self::RsaOaepSha1];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AesKeyWrap => "aes-key-wrap",
            Self::AesGcm => "aes-gcm",
            Self::RsaOaepSha256 => "rsa-oaep-sha256",
            Self::RsaOaepSha1 => "rsa-oaep-sha1",
        }
    }
}

impl KeyText {
    /// Reads a file; the error says what it lacks.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let title = lines.next().and_then(|line| line.strip_prefix(TITLE));
        let id = title.and_then(|id| id.parse().ok()).filter(|id| *id > 0);
        let id = KeyId(id.ok_or("it does not begin with `dicomgate ring key` and a number")?);
        let (mut content, mut check) = (None, None);
        for line in lines {
            let (name, value) = line.split_once(':').ok_or("a line has no name before a colon")?;
            let value = value.trim();
            let again = match name {
                "key" => content
                    .replace(Content::Key(key(value).ok_or("its key is not 256 bits in hexadecimal digits or base64")?))
                    .is_some(),
                "wrapped" => content.replace(Content::Wrapped(wrapped(value)?)).is_some(),
                "check" => {
                    check.replace(value.parse().map_err(|_| "its check value is not 16 hexadecimal digits")?).is_some()
                }
                _ => return Err("a line is neither `key`, `wrapped` nor `check`"),
            };
            if again {
                return Err("something stands there twice");
            }
        }
        let content = content.ok_or("it has no line `key` or `wrapped`")?;
        Ok(Self { id, content, check: check.ok_or("it has no line `check`")? })
    }

    /// Writes a file.
    pub fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(512));
        let id = self.id;
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{TITLE}{id}");
        match &self.content {
            Content::Key(key) => {
                text.push_str("# Whoever has this file opens what the key sealed; without it, escrow alone does. docs/keys.md\nkey: ");
                for byte in key.reveal() {
                    let _ = write!(text, "{byte:02x}");
                }
            }
            Content::Wrapped(wrapped) => {
                text.push_str("# Wrapped by the key of a token: worth nothing without it. docs/keys.md\nwrapped: ");
                let _ = write!(text, "{} {}", wrapped.how.as_str(), STANDARD.encode(&wrapped.bytes));
            }
        }
        let _ = writeln!(text, "\ncheck: {}", self.check);
        text
    }
}

/// A key in hexadecimal digits or base64.
pub(super) fn key(text: &str) -> Option<Key256> {
    let bytes = match text.len() {
        64 => unhex(text)?,
        _ => Zeroizing::new(STANDARD.decode(text).ok()?),
    };
    let mut whole: [u8; 32] = bytes.as_slice().try_into().ok()?;
    let key = Key256::new(&whole);
    whole.zeroize();
    Some(key)
}

fn wrapped(text: &str) -> Result<Wrapped, &'static str> {
    let (how, bytes) = text.split_once(' ').ok_or("`wrapped` is a mechanism and base64")?;
    let how = Wrapping::ALL
        .into_iter()
        .find(|known| known.as_str() == how)
        .ok_or("it is wrapped in a way that is not known here")?;
    let bytes = STANDARD.decode(bytes.trim()).map_err(|_| "what is wrapped is not base64")?;
    Ok(Wrapped { how, bytes })
}

/// Hexadecimal digits, both cases.
pub(super) fn unhex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |digit: &u8| char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 2));
    for byte in text.as_bytes().chunks(2) {
        bytes.push(pair(byte)?);
    }
    Some(bytes)
}

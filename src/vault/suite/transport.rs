//! RSAES-OAEP with SHA-256 and MGF1 of SHA-256 (RFC 8017, 7.1): a content key for whoever has an RSA key.

use super::{Key256, Refused};
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey};
use zeroize::Zeroizing;

/// Appends the encrypted key: as many bytes as the modulus has. Its randomness is the library's own.
///
/// # Errors
/// The library refuses.
pub fn encrypt(to: &OaepPublicEncryptingKey, key: &Key256, out: &mut Vec<u8>) -> Result<(), Refused> {
    let from = out.len();
    out.resize(from + to.ciphertext_size(), 0);
    let room = out.get_mut(from..).unwrap_or_default();
    to.encrypt(&OAEP_SHA256_MGF1SHA256, key.reveal(), room, None).map_err(|_| Refused)?;
    Ok(())
}

/// Decrypts.
///
/// # Errors
/// It was encrypted for another key, was changed, or is no key.
pub fn decrypt(with: &OaepPrivateDecryptingKey, encrypted: &[u8]) -> Result<Key256, Refused> {
    let mut out = Zeroizing::new(vec![0; with.min_output_size()]);
    let key = with.decrypt(&OAEP_SHA256_MGF1SHA256, encrypted, &mut out, None).map_err(|_| Refused)?;
    <&[u8; 32]>::try_from(&*key).map(Key256::new).map_err(|_| Refused)
}

//! AES-256-GCM over one segment, in place. The type system keeps the promise that matters: a key seals once.

use super::{Key256, NoRandom, Random, Refused};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// Length of the nonce in bytes.
pub const NONCE: usize = 12;
/// Length of the tag in bytes.
pub const TAG: usize = 16;

/// A content key that has not encrypted anything yet.
#[derive(Debug)]
pub struct SegmentKey {
    key: Key256,
    nonce: [u8; NONCE],
}

impl SegmentKey {
    /// A new key and its only nonce.
    ///
    /// # Errors
    /// There are no random numbers.
    pub fn generate(random: &dyn Random) -> Result<Self, NoRandom> {
        let key = Key256::generate(random)?;
        let mut nonce = [0; NONCE];
        random.fill(&mut nonce)?;
        Ok(Self { key, nonce })
    }

    /// To be wrapped for the recipients.
    pub const fn key(&self) -> &Key256 {
        &self.key
    }

    /// The nonce, which is no secret.
    pub const fn nonce(&self) -> [u8; NONCE] {
        self.nonce
    }

    /// Encrypts, once; the key is gone then.
    ///
    /// # Errors
    /// More bytes than GCM takes, which no segment has.
    pub fn seal(self, bytes: &mut [u8]) -> Result<[u8; TAG], Refused> {
        let nonce = Nonce::assume_unique_for_key(self.nonce);
        let tag = key(&self.key)?.seal_in_place_separate_tag(nonce, Aad::empty(), bytes).map_err(|_| Refused)?;
        tag.as_ref().try_into().map_err(|_| Refused)
    }
}

/// Decrypts in place. On failure the bytes are worthless and must not be looked at.
///
/// # Errors
/// The tag does not fit.
pub fn open(content_key: &Key256, nonce: [u8; NONCE], tag: [u8; TAG], bytes: &mut [u8]) -> Result<(), Refused> {
    let nonce = Nonce::assume_unique_for_key(nonce);
    let opened = key(content_key)?.open_in_place_separate_tag(nonce, Aad::empty(), tag.into(), bytes, 0..);
    opened.map(|_| ()).map_err(|_| Refused)
}

fn key(key: &Key256) -> Result<LessSafeKey, Refused> {
    UnboundKey::new(&AES_256_GCM, key.reveal()).map(LessSafeKey::new).map_err(|_| Refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NIST's GCM test vectors, case 14: 256 zero bits, one zero block.
    #[test]
    fn it_is_aes_256_gcm() {
        let key = SegmentKey { key: Key256::new(&[0; 32]), nonce: [0; 12] };
        let mut block = [0; 16];
        let tag = key.seal(&mut block).unwrap();
        assert_eq!(
            block,
            [0xce, 0xa7, 0x40, 0x3d, 0x4d, 0x60, 0x6b, 0x6e, 0x07, 0x4e, 0xc5, 0xd3, 0xba, 0xf3, 0x9d, 0x18]
        );
        assert_eq!(
            tag,
            [0xd0, 0xd1, 0xc8, 0xa7, 0x99, 0x99, 0x6b, 0xf0, 0x26, 0x5b, 0x98, 0xb5, 0xd4, 0x8a, 0xb9, 0x19]
        );
        open(&Key256::new(&[0; 32]), [0; 12], tag, &mut block).unwrap();
        assert_eq!(block, [0; 16]);
        let mut forged = tag;
        forged[15] ^= 1;
        assert_eq!(open(&Key256::new(&[0; 32]), [0; 12], forged, &mut block), Err(Refused));
    }
}

//! AES-256 key wrap (RFC 3394): a content key under another key, with 64 bits that show whether it was the right one.

use super::{Key256, Refused};
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrap as _};
use zeroize::Zeroizing;

/// Length of a wrapped key in bytes.
pub const WRAPPED: usize = 40;

/// Wraps.
///
/// # Errors
/// The library refuses, which it does not for keys of this length.
pub fn wrap(with: &Key256, key: &Key256) -> Result<[u8; WRAPPED], Refused> {
    let mut out = [0; WRAPPED];
    let kek = AesKek::new(&AES_256, with.reveal()).map_err(|_| Refused)?;
    kek.wrap(key.reveal(), &mut out).map_err(|_| Refused)?;
    Ok(out)
}

/// Unwraps.
///
/// # Errors
/// Another key wrapped it, or it was changed.
pub fn unwrap(with: &Key256, wrapped: &[u8; WRAPPED]) -> Result<Key256, Refused> {
    let mut out = Zeroizing::new([0; 32]);
    let kek = AesKek::new(&AES_256, with.reveal()).map_err(|_| Refused)?;
    kek.unwrap(wrapped, out.as_mut_slice()).map_err(|_| Refused)?;
    Ok(Key256::new(&out))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3394, 4.6.
    #[test]
    fn it_is_rfc_3394() {
        let with: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let key: Vec<u8> = (0..8).map(|n| n * 0x11).chain((8..16).map(|n| n * 0x11)).chain(0..16).collect();
        let (with, key) = (Key256::new(&with), Key256::new(&key.try_into().unwrap()));
        let mut wrapped = wrap(&with, &key).unwrap();
        let known = "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21";
        assert_eq!(wrapped.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), known);
        assert_eq!(unwrap(&with, &wrapped), Ok(key));
        wrapped[17] ^= 0x40;
        assert_eq!(unwrap(&with, &wrapped), Err(Refused));
    }
}

//! Writing: everything around the content of a segment, whose length is known before anything is encrypted.

use super::identifiers::{AES_256_GCM, AUTH_ENVELOPED_DATA, DATA};
use super::recipient::version;
use crate::vault::der::{self, INTEGER, OCTETS, SEQUENCE, SET, constructed, header_length, primitive, put_header};
use crate::vault::suite::segment_key::{NONCE, TAG};

/// AlgorithmIdentifier of the content: AES-256-GCM, a nonce of 12 bytes, ICVlen 16 written out.
const CIPHER: usize = 2 + AES_256_GCM.len() + 2 + 2 + NONCE + 3;
/// The tag behind the content, an OCTET STRING.
pub const SUFFIX: usize = 2 + TAG;

/// DER of RecipientInfos: SET OF, in the order of DER (X.690, 11.6).
pub fn recipients(mut each: Vec<Vec<u8>>) -> Vec<u8> {
    each.sort_unstable();
    let parts: Vec<&[u8]> = each.iter().map(Vec::as_slice).collect();
    der::around(SET, &parts)
}

/// Length of RecipientInfos whose elements have these lengths together.
pub const fn recipients_length(elements: usize) -> usize {
    header_length(elements) + elements
}

/// The lengths of one object, outermost last.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    content: usize,
    information: usize,
    data: usize,
    explicit: usize,
    whole: usize,
}

impl Frame {
    /// Of an object with RecipientInfos and content of these lengths, in bytes.
    pub const fn new(recipients: usize, content: usize) -> Self {
        let information = DATA.len() + CIPHER + header_length(content) + content;
        let data = 3 + recipients + header_length(information) + information + SUFFIX;
        let explicit = header_length(data) + data;
        let whole = AUTH_ENVELOPED_DATA.len() + header_length(explicit) + explicit;
        Self { content, information, data, explicit, whole }
    }

    /// The whole object.
    pub const fn length(&self) -> usize {
        header_length(self.whole) + self.whole
    }

    /// What stands before the content.
    pub const fn prefix_length(&self) -> usize {
        self.length() - self.content - SUFFIX
    }

    /// What stands before the content.
    pub fn prefix(&self, recipients: &[u8], nonce: &[u8; NONCE]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.prefix_length());
        put_header(&mut out, SEQUENCE, self.whole);
        out.extend_from_slice(AUTH_ENVELOPED_DATA);
        put_header(&mut out, constructed(0), self.explicit);
        put_header(&mut out, SEQUENCE, self.data);
        out.extend_from_slice(&version(0));
        out.extend_from_slice(recipients);
        put_header(&mut out, SEQUENCE, self.information);
        out.extend_from_slice(DATA);
        let parameters = der::around(SEQUENCE, &[&[OCTETS, 12], nonce, &[INTEGER, 1, 16]]);
        out.extend(der::around(SEQUENCE, &[AES_256_GCM, &parameters]));
        put_header(&mut out, primitive(0), self.content);
        out
    }
}

/// What stands behind the content.
pub fn suffix(tag: [u8; TAG]) -> [u8; SUFFIX] {
    let mut out = [0; SUFFIX];
    let (header, value) = out.split_at_mut(2);
    header.copy_from_slice(&[OCTETS, 16]);
    value.copy_from_slice(&tag);
    out
}

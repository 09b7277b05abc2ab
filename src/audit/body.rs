//! The event's part of a line, encoded by hand: names are our own words, values are escaped and capped.

use std::net::SocketAddr;

/// Longest value taken over from the wire, in bytes; what is longer is cut and ends in `…`.
pub const TEXT: usize = 256;
/// Longest explanation in words, in bytes.
pub const WORDS: usize = 1024;
/// Longest list; 128 presentation contexts are the most an association has (PS3.8 9.3.2.2: odd ids of one byte).
pub const LIST: usize = 128;

/// Fields of one event, encoded: `"event":"denied","peer":"CT1"`, without braces. It may hold patient data and does
/// not print.
#[derive(Clone)]
pub struct Body {
    bytes: Vec<u8>,
    numbered: bool,
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Body([redacted])")
    }
}

impl Body {
    /// Begins an event. `numbered`: the record gets an incident id.
    pub fn new(event: &'static str, numbered: bool) -> Self {
        // A store's record has about 700 bytes: one allocation, and no second one while it grows.
        let mut bytes = Vec::with_capacity(1024);
        bytes.extend_from_slice(b"\"event\":\"");
        bytes.extend_from_slice(event.as_bytes());
        bytes.push(b'"');
        Self { bytes, numbered }
    }

    /// Only fields, to be appended to several events by [`Body::fields`].
    pub fn fragment() -> Self {
        Self { bytes: Vec::with_capacity(160), numbered: false }
    }

    /// The encoded fields.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the record gets an incident id.
    pub fn is_numbered(&self) -> bool {
        self.numbered
    }

    /// Appends fields encoded before.
    pub fn fields(&mut self, fragment: &Self) -> &mut Self {
        self.bytes.extend_from_slice(&fragment.bytes);
        self
    }

    /// A value of at most [`TEXT`] bytes that may have come from the wire.
    pub fn text(&mut self, name: &'static str, value: impl AsRef<[u8]>) -> &mut Self {
        self.name(name);
        push_text(&mut self.bytes, value.as_ref(), TEXT);
        self
    }

    /// The same, left out where there is none.
    pub fn text_if(&mut self, name: &'static str, value: Option<impl AsRef<[u8]>>) -> &mut Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    /// An explanation of at most [`WORDS`] bytes.
    pub fn words(&mut self, name: &'static str, value: &str) -> &mut Self {
        self.name(name);
        push_text(&mut self.bytes, value.as_bytes(), WORDS);
        self
    }

    /// A number.
    pub fn number(&mut self, name: &'static str, value: u64) -> &mut Self {
        self.name(name);
        push_number(&mut self.bytes, value);
        self
    }

    /// A flag; only `true` is written.
    pub fn flag(&mut self, name: &'static str, value: bool) -> &mut Self {
        if value {
            self.name(name);
            self.bytes.extend_from_slice(b"true");
        }
        self
    }

    /// A flag that is written either way.
    pub fn fact(&mut self, name: &'static str, value: bool) -> &mut Self {
        self.name(name);
        self.bytes.extend_from_slice(if value { b"true" } else { b"false" });
        self
    }

    /// A status of PS3.7, as four hexadecimal digits and `H`.
    pub fn status(&mut self, name: &'static str, value: u16) -> &mut Self {
        self.name(name);
        self.bytes.push(b'"');
        for byte in value.to_be_bytes() {
            self.bytes.extend_from_slice(&hex_digits(byte).map(|digit| digit.to_ascii_uppercase()));
        }
        self.bytes.extend_from_slice(b"H\"");
        self
    }

    /// An address with its port.
    pub fn address(&mut self, name: &'static str, value: SocketAddr) -> &mut Self {
        use std::io::Write as _;
        self.name(name);
        self.bytes.push(b'"');
        let _ = write!(self.bytes, "{value}");
        self.bytes.push(b'"');
        self
    }

    /// Bytes as hexadecimal digits.
    pub fn hex(&mut self, name: &'static str, value: &[u8]) -> &mut Self {
        self.name(name);
        self.bytes.push(b'"');
        push_hex(&mut self.bytes, value);
        self.bytes.push(b'"');
        self
    }

    /// A list of at most [`LIST`] values; nothing is written for an empty one. A longer one ends in `…`.
    pub fn list<T: AsRef<[u8]>>(&mut self, name: &'static str, values: impl IntoIterator<Item = T>) -> &mut Self {
        let mut values = values.into_iter();
        let Some(first) = values.next() else { return self };
        self.name(name);
        self.bytes.push(b'[');
        push_text(&mut self.bytes, first.as_ref(), TEXT);
        for (index, value) in values.enumerate() {
            if index + 1 >= LIST {
                self.bytes.extend_from_slice(",\"…\"".as_bytes());
                break;
            }
            self.bytes.push(b',');
            push_text(&mut self.bytes, value.as_ref(), TEXT);
        }
        self.bytes.push(b']');
        self
    }

    /// The same, and an empty list is written too.
    pub fn texts<T: AsRef<[u8]>>(&mut self, name: &'static str, values: impl IntoIterator<Item = T>) -> &mut Self {
        let mut values = values.into_iter().peekable();
        if values.peek().is_some() {
            return self.list(name, values);
        }
        self.name(name);
        self.bytes.extend_from_slice(b"[]");
        self
    }

    /// A list of objects, each of the fields of a fragment. Its length is the caller's to bound.
    pub fn objects(&mut self, name: &'static str, fragments: impl IntoIterator<Item = Self>) -> &mut Self {
        self.name(name);
        self.bytes.push(b'[');
        for (index, fragment) in fragments.into_iter().enumerate() {
            self.bytes.extend_from_slice(if index > 0 { b",{" } else { b"{" });
            // A field begins with the comma that parts it from the one before.
            self.bytes.extend_from_slice(fragment.bytes.get(1..).unwrap_or_default());
            self.bytes.push(b'}');
        }
        self.bytes.push(b']');
        self
    }

    fn name(&mut self, name: &'static str) {
        self.bytes.extend_from_slice(b",\"");
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b"\":");
    }
}

/// Writes a JSON string of at most `cap` bytes of the value. Bytes that are no UTF-8 (other character sets) appear as
/// `\xNN`: the record shows what came, it does not guess a character set.
pub fn push_text(out: &mut Vec<u8>, value: &[u8], cap: usize) {
    let plain =
        value.len() <= cap && value.iter().all(|&byte| matches!(byte, 0x20..=0x7e) && byte != b'"' && byte != b'\\');
    if plain {
        out.push(b'"');
        out.extend_from_slice(value);
        out.push(b'"');
        return;
    }
    let text = readable(value, cap);
    if serde_json::to_writer(&mut *out, &text).is_err() {
        out.extend_from_slice(b"\"\"");
    }
}

fn readable(value: &[u8], cap: usize) -> String {
    let mut text = String::new();
    for chunk in value.utf8_chunks() {
        for character in chunk.valid().chars() {
            if text.len() + character.len_utf8() > cap {
                text.push('…');
                return text;
            }
            text.push(character);
        }
        for byte in chunk.invalid() {
            if text.len() + 4 > cap {
                text.push('…');
                return text;
            }
            text.push_str("\\x");
            let [high, low] = hex_digits(*byte);
            text.push(char::from(high));
            text.push(char::from(low));
        }
    }
    text
}

/// A number in decimal digits.
pub fn push_number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0_u8; 20];
    let mut used = 0;
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + u8::try_from(value % 10).unwrap_or_default();
        value /= 10;
        used += 1;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(20 - used..).unwrap_or_default());
}

/// Lower case hexadecimal digits.
pub fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    for &byte in bytes {
        out.extend_from_slice(&hex_digits(byte));
    }
}

/// Lower case hexadecimal digits as text.
pub fn hex(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len() * 2);
    push_hex(&mut out, bytes);
    String::from_utf8(out).unwrap_or_default()
}

/// Reads exactly `N` bytes of hexadecimal digits, in either case.
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return None;
    }
    let mut out = [0; N];
    for (slot, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let &[high, low] = pair else { return None };
        let high = char::from(high).to_digit(16)?;
        let low = char::from(low).to_digit(16)?;
        *slot = u8::try_from(high * 16 + low).ok()?;
    }
    Some(out)
}

const fn hex_digits(byte: u8) -> [u8; 2] {
    const fn digit(value: u8) -> u8 {
        if value < 10 { b'0' + value } else { b'a' + value - 10 }
    }
    [digit(byte >> 4), digit(byte & 0x0f)]
}

#[cfg(test)]
mod tests;

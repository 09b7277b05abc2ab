//! Specific Character Set (0008,0005) to text (PS3.3 C.12.1.1.2, PS3.5 6.1).
//!
//! Single-byte sets, UTF-8, GB18030 and GBK are decoded. Code extension (ISO 2022 terms) is taken while no escape
//! sequence stands in the value; an escape is a fault that says so, never a guess.

use encoding_rs::Encoding;
use std::borrow::Cow;

/// How the bytes of text values become characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CharacterSet(Repertoire);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repertoire {
    /// ISO-IR 6: seven bits.
    Ascii,
    /// ISO 8859-1, where every byte is the character of the same number.
    Latin1,
    /// JIS X 0201: yen and overline in the left half, half-width katakana in the right.
    Katakana,
    Utf8,
    /// Whatever the encoding crate knows.
    Table {
        encoding: &'static Encoding,
        single_byte: bool,
    },
}

/// Why bytes are not text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CharacterFault {
    /// A defined term that this version does not know, cut to its printable characters.
    #[error("the character set `{0}` is not known")]
    Unknown(String),
    /// An escape sequence (ISO 2022).
    #[error("the value switches character sets by an escape sequence, which is not supported")]
    Escape,
    /// Bytes that the declared set has no character for.
    #[error("the value has bytes that its character set does not define")]
    Undefined,
}

impl CharacterSet {
    /// What holds when (0008,0005) is absent or empty: the default repertoire, ISO-IR 6.
    pub const DEFAULT: Self = Self(Repertoire::Ascii);
    /// UTF-8.
    pub const UTF_8: Self = Self(Repertoire::Utf8);

    /// From the value of (0008,0005) as it stands in the data set. Of several values the first counts (the others come
    /// into play by escape sequences alone).
    pub fn of(declared: &[u8]) -> Result<Self, CharacterFault> {
        let first = declared.split(|&byte| byte == b'\\').next().unwrap_or_default();
        let term = String::from_utf8_lossy(first.trim_ascii_end().trim_ascii_start()).into_owned();
        let term = term.trim_end_matches('\0');
        let table = |encoding, single_byte| Self(Repertoire::Table { encoding, single_byte });
        let plain = term.strip_prefix("ISO 2022 IR ").or_else(|| term.strip_prefix("ISO_IR ")).unwrap_or(term);
        Ok(match plain {
            "" | "6" => Self::DEFAULT,
            "100" => Self(Repertoire::Latin1),
            "101" => table(encoding_rs::ISO_8859_2, true),
            "109" => table(encoding_rs::ISO_8859_3, true),
            "110" => table(encoding_rs::ISO_8859_4, true),
            "144" => table(encoding_rs::ISO_8859_5, true),
            "127" => table(encoding_rs::ISO_8859_6, true),
            "126" => table(encoding_rs::ISO_8859_7, true),
            "138" => table(encoding_rs::ISO_8859_8, true),
            // The encoding crate offers the Windows supersets; they differ in 80H to 9FH alone, refused below.
            "148" => table(encoding_rs::WINDOWS_1254, true),
            "166" => table(encoding_rs::WINDOWS_874, true),
            "203" => table(encoding_rs::ISO_8859_15, true),
            "13" => Self(Repertoire::Katakana),
            "192" => Self::UTF_8,
            "GB18030" => table(encoding_rs::GB18030, false),
            "GBK" => table(encoding_rs::GBK, false),
            // Multi-byte sets of code extension: G0 stays ASCII until an escape sequence says otherwise.
            "87" | "159" | "149" | "58" => Self::DEFAULT,
            _ => return Err(CharacterFault::Unknown(printable(term))),
        })
    }

    /// The characters of a value (all its values, backslashes included; split after decoding, because a backslash byte
    /// may be the second half of a character).
    pub fn decode<'a>(&self, bytes: &'a [u8]) -> Result<Cow<'a, str>, CharacterFault> {
        if bytes.contains(&0x1b) {
            return Err(CharacterFault::Escape);
        }
        if bytes.is_ascii() && self.0 != Repertoire::Katakana {
            return std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| CharacterFault::Undefined);
        }
        match self.0 {
            Repertoire::Ascii => Err(CharacterFault::Undefined),
            Repertoire::Utf8 => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| CharacterFault::Undefined),
            Repertoire::Latin1 if bytes.iter().any(u8::is_c1) => Err(CharacterFault::Undefined),
            Repertoire::Latin1 => Ok(Cow::Owned(bytes.iter().map(|&byte| char::from(byte)).collect())),
            Repertoire::Katakana => bytes
                .iter()
                .map(|&byte| katakana(byte))
                .collect::<Option<String>>()
                .map(Cow::Owned)
                .ok_or(CharacterFault::Undefined),
            Repertoire::Table { encoding, single_byte } => {
                if single_byte && bytes.iter().any(u8::is_c1) {
                    return Err(CharacterFault::Undefined);
                }
                encoding.decode_without_bom_handling_and_without_replacement(bytes).ok_or(CharacterFault::Undefined)
            }
        }
    }

    /// The same for a person name, where `^` and `=` end what an escape sequence began (PS3.5 6.1.2.5.3).
    pub fn decode_name<'a>(&self, bytes: &'a [u8]) -> Result<Cow<'a, str>, CharacterFault> {
        self.decode(bytes)
    }

    /// Text as bytes that decode to the same text; `None` if the repertoire cannot carry it.
    pub fn encode(&self, text: &str) -> Option<Vec<u8>> {
        match self.0 {
            Repertoire::Latin1 => text.chars().map(|c| u8::try_from(c).ok()).collect(),
            repertoire => (text.is_ascii() || repertoire == Repertoire::Utf8).then(|| text.as_bytes().to_vec()),
        }
    }

    /// The same for a person name.
    pub fn encode_name(&self, text: &str) -> Option<Vec<u8>> {
        self.encode(text)
    }

    /// As [`decode`](Self::decode), for showing and for demonstrations: what is no character becomes U+FFFD. Never
    /// match against the result where a match gives access.
    pub fn decode_lossy<'a>(&self, bytes: &'a [u8]) -> Cow<'a, str> {
        self.decode(bytes).unwrap_or_else(|_| String::from_utf8_lossy(bytes))
    }
}

trait Byte {
    fn is_c1(&self) -> bool;
}

impl Byte for u8 {
    fn is_c1(&self) -> bool {
        (0x80..=0x9f).contains(self)
    }
}

fn katakana(byte: u8) -> Option<char> {
    match byte {
        // 05/12 stays a backslash: PS3.5 6.1.2.5.3 lets it delimit values though it prints as yen.
        0x00..=0x7d | 0x7f => Some(char::from(byte)),
        0x7e => Some('\u{203e}'),
        0xa1..=0xdf => char::from_u32(0xff61 + u32::from(byte) - 0xa1),
        _ => None,
    }
}

fn printable(term: &str) -> String {
    term.chars().take(32).map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}

//! The sets of characters that DICOM takes from the international register (PS3.3 tables C.12-2 to C.12-4), with their
//! escape sequences and their tables.

use encoding_rs::Encoding;
use std::collections::HashMap;
use std::sync::OnceLock;

/// A registered set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Set {
    /// ISO-IR 6.
    Ascii,
    /// ISO-IR 14, JIS X 0201 romaji: yen and overline where ASCII has backslash and tilde.
    Roman,
    /// ISO-IR 13, JIS X 0201 katakana.
    Katakana,
    /// ISO-IR 100 and so on: right halves of ISO 8859.
    Latin1,
    Latin2,
    Latin3,
    Latin4,
    Cyrillic,
    Arabic,
    Greek,
    Hebrew,
    Latin5,
    Thai,
    Latin9,
    /// ISO-IR 87, JIS X 0208.
    Kanji,
    /// ISO-IR 159, JIS X 0212.
    KanjiSupplement,
    /// ISO-IR 149, KS X 1001.
    Korean,
    /// ISO-IR 58, GB 2312.
    Hanzi,
}

/// Some of the sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sets(u32);

impl Sets {
    pub(super) const NONE: Self = Self(0);

    const fn with(self, set: Set) -> Self {
        Self(self.0 | 1 << set as u8)
    }

    /// What a defined term lets escape sequences switch to: its set, the left half that goes with it, and back to ASCII.
    pub(super) const fn with_term(self, set: Set) -> Self {
        let with = self.with(set).with(Set::Ascii);
        match set {
            // Japanese systems go back to either left half.
            Set::Katakana | Set::Kanji | Set::KanjiSupplement => with.with(Set::Roman),
            _ => with,
        }
    }

    pub(super) const fn has(self, set: Set) -> bool {
        self.0 & 1 << set as u8 != 0
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Set> {
        Set::ALL.into_iter().filter(move |set| self.has(*set))
    }
}

impl Set {
    const ALL: [Self; 18] = [
        Self::Ascii,
        Self::Roman,
        Self::Katakana,
        Self::Latin1,
        Self::Latin2,
        Self::Latin3,
        Self::Latin4,
        Self::Cyrillic,
        Self::Arabic,
        Self::Greek,
        Self::Hebrew,
        Self::Latin5,
        Self::Thai,
        Self::Latin9,
        Self::Kanji,
        Self::KanjiSupplement,
        Self::Korean,
        Self::Hanzi,
    ];

    /// What follows ESC to designate it.
    pub(super) const fn escape(self) -> &'static [u8] {
        match self {
            Self::Ascii => b"(B",
            Self::Roman => b"(J",
            Self::Katakana => b")I",
            Self::Latin1 => b"-A",
            Self::Latin2 => b"-B",
            Self::Latin3 => b"-C",
            Self::Latin4 => b"-D",
            Self::Cyrillic => b"-L",
            Self::Arabic => b"-G",
            Self::Greek => b"-F",
            Self::Hebrew => b"-H",
            Self::Latin5 => b"-M",
            Self::Thai => b"-T",
            Self::Latin9 => b"-b",
            Self::Kanji => b"$B",
            Self::KanjiSupplement => b"$(D",
            Self::Korean => b"$)C",
            Self::Hanzi => b"$)A",
        }
    }

    /// The set whose escape sequence stands behind an ESC, and what is behind that.
    pub(super) fn designated(bytes: &[u8]) -> Option<(Self, &[u8])> {
        Self::ALL.into_iter().find_map(|set| Some((set, bytes.strip_prefix(set.escape())?)))
    }

    /// Whether it takes the right half (G1).
    pub(super) const fn is_right(self) -> bool {
        !matches!(self, Self::Ascii | Self::Roman | Self::Kanji | Self::KanjiSupplement)
    }

    /// Whether one byte is one character.
    pub(super) const fn is_single(self) -> bool {
        !matches!(self, Self::Kanji | Self::KanjiSupplement | Self::Korean | Self::Hanzi)
    }

    /// The character of one byte, 20H to 7EH, whichever half it stands in.
    pub(super) fn single(self, byte: u8) -> Option<char> {
        match self {
            // 05/12 stays a backslash: PS3.5 6.1.2.5.3 lets it delimit values though it prints as yen.
            Self::Roman if byte == b'~' => Some('\u{203e}'),
            Self::Ascii | Self::Roman => byte.is_ascii().then(|| char::from(byte)),
            Self::Katakana => match byte {
                0x21..=0x5f => char::from_u32(0xff61 + u32::from(byte) - 0x21),
                _ => None,
            },
            set => set.right().get(usize::from(byte).checked_sub(0x20)?).copied().flatten(),
        }
    }

    /// The character of two bytes, each 21H to 7EH, whichever half they stand in.
    pub(super) fn double(self, first: u8, second: u8) -> Option<char> {
        let at = usize::from(first).checked_sub(0x21)? * 94 + usize::from(second).checked_sub(0x21)?;
        self.square()?.characters.get(at).copied().flatten()
    }

    /// The bytes of a character, each 20H to 7FH, whichever half they go to.
    pub(super) fn bytes_of(self, c: char) -> Option<(u8, Option<u8>)> {
        if let Some(square) = self.square() {
            let (first, second) = *square.places.get(&c)?;
            return Some((first, Some(second)));
        }
        let byte = match self {
            Self::Roman if c == '~' => None,
            Self::Roman if c == '\u{203e}' => Some(b'~'),
            Self::Ascii | Self::Roman => u8::try_from(c).ok().filter(u8::is_ascii),
            Self::Katakana => {
                let place = u32::from(c).checked_sub(0xff61).filter(|place| *place < 63)?;
                u8::try_from(place + 0x21).ok()
            }
            set => {
                let place = set.right().iter().position(|known| *known == Some(c))?;
                u8::try_from(place + 0x20).ok()
            }
        };
        Some((byte?, None))
    }

    /// The right half of ISO 8859 that it is.
    fn right(self) -> &'static [Option<char>; 96] {
        static TABLES: [OnceLock<[Option<char>; 96]>; 11] = [const { OnceLock::new() }; 11];
        static NONE: [Option<char>; 96] = [None; 96];
        let (place, encoding) = match self {
            Self::Latin1 => (0, None),
            Self::Latin2 => (1, Some(encoding_rs::ISO_8859_2)),
            Self::Latin3 => (2, Some(encoding_rs::ISO_8859_3)),
            Self::Latin4 => (3, Some(encoding_rs::ISO_8859_4)),
            Self::Cyrillic => (4, Some(encoding_rs::ISO_8859_5)),
            Self::Arabic => (5, Some(encoding_rs::ISO_8859_6)),
            Self::Greek => (6, Some(encoding_rs::ISO_8859_7)),
            Self::Hebrew => (7, Some(encoding_rs::ISO_8859_8)),
            // The encoding crate offers the Windows supersets; they differ in 80H to 9FH alone, which is not asked for.
            Self::Latin5 => (8, Some(encoding_rs::WINDOWS_1254)),
            Self::Thai => (9, Some(encoding_rs::WINDOWS_874)),
            Self::Latin9 => (10, Some(encoding_rs::ISO_8859_15)),
            _ => return &NONE,
        };
        let Some(table) = TABLES.get(place) else { return &NONE };
        table.get_or_init(|| {
            let mut table = [None; 96];
            for (byte, c) in (0xa0..=0xff_u8).zip(&mut table) {
                *c = encoding.map_or(Some(char::from(byte)), |encoding| only(encoding, &[byte]));
            }
            table
        })
    }

    fn square(self) -> Option<&'static Square> {
        static TABLES: [OnceLock<Square>; 4] = [const { OnceLock::new() }; 4];
        let place = match self {
            Self::Kanji => 0,
            Self::KanjiSupplement => 1,
            Self::Korean => 2,
            Self::Hanzi => 3,
            _ => return None,
        };
        TABLES.get(place).map(|table| table.get_or_init(|| Square::of(self)))
    }

    /// The character of two bytes as the encoding crate knows it, but for those that it maps as vendors do.
    fn table(self, first: u8, second: u8) -> Option<char> {
        let (a, b) = (first | 0x80, second | 0x80);
        match (self, first, second) {
            // JIS X 0208 as the Unicode Consortium and others map it; the table at hand follows Windows.
            (Self::Kanji, 0x21, 0x41) => Some('\u{301c}'),
            (Self::Kanji, 0x21, 0x42) => Some('\u{2016}'),
            (Self::Kanji, 0x21, 0x5d) => Some('\u{2212}'),
            (Self::Kanji, 0x21, 0x71) => Some('\u{a2}'),
            (Self::Kanji, 0x21, 0x72) => Some('\u{a3}'),
            (Self::Kanji, 0x22, 0x4c) => Some('\u{ac}'),
            // GB 2312 likewise; the table at hand is GBK's.
            (Self::Hanzi, 0x21, 0x24) => Some('\u{30fb}'),
            (Self::Hanzi, 0x21, 0x2a) => Some('\u{2015}'),
            (Self::Kanji, ..) => only(encoding_rs::EUC_JP, &[a, b]),
            (Self::KanjiSupplement, ..) => only(encoding_rs::EUC_JP, &[0x8f, a, b]),
            (Self::Korean, ..) => only(encoding_rs::EUC_KR, &[a, b]),
            (Self::Hanzi, ..) => only(encoding_rs::GBK, &[a, b]),
            _ => None,
        }
        .filter(|c| !('\u{e000}'..='\u{f8ff}').contains(c))
    }

    /// Whether the standard itself has the place, not only those who extended it. What others added is read, but not
    /// written: not everyone reads it.
    const fn owns(self, first: u8, second: u8) -> bool {
        let row = first.wrapping_sub(0x20);
        match self {
            Self::Kanji => matches!(row, 1..=8 | 16..=84),
            Self::Hanzi => {
                let added = matches!((first, second), (0x22, 0x21..=0x2a) | (0x26, 0x60..=0x75) | (0x28, 0x3b..=0x40));
                matches!(row, 1..=9 | 16..=87) && !added
            }
            _ => true,
        }
    }
}

/// A set of 94 times 94 characters, both ways.
struct Square {
    characters: Vec<Option<char>>,
    places: HashMap<char, (u8, u8)>,
}

impl Square {
    fn of(set: Set) -> Self {
        let (mut characters, mut places) = (Vec::with_capacity(94 * 94), HashMap::new());
        for first in 0x21..=0x7e {
            for second in 0x21..=0x7e {
                let c = set.table(first, second);
                characters.push(c);
                if let Some(c) = c.filter(|_| set.owns(first, second)) {
                    places.entry(c).or_insert((first, second));
                }
            }
        }
        Self { characters, places }
    }
}

/// The one character that bytes are.
fn only(encoding: &'static Encoding, bytes: &[u8]) -> Option<char> {
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
    let mut characters = text.chars();
    characters.next().filter(|_| characters.next().is_none())
}

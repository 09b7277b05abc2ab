//! Values of rows, and how they become titles, UIDs and numbers again. A row is not trusted to hold what was put there.

use crate::dicom::{AeTitle, Uid};

/// One column of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `BIGINT`.
    Int(i64),
    /// `TEXT`.
    Text(String),
    /// `BYTEA`; `BLOB` in SQLite.
    Bytes(Vec<u8>),
    /// Something that this program never writes: `NULL`, a fraction, text that is not UTF-8.
    Foreign,
}

impl Value {
    /// Nothing, as a column holds it that was added to a row later.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Int(number) => *number == 0,
            Self::Text(text) => text.is_empty(),
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::Foreign => false,
        }
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<u16> for Value {
    fn from(value: u16) -> Self {
        Self::Int(value.into())
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(value.into())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<AeTitle> for Value {
    fn from(value: AeTitle) -> Self {
        Self::Text(value.as_str().to_owned())
    }
}

impl From<Uid> for Value {
    fn from(value: Uid) -> Self {
        Self::Text(value.as_str().to_owned())
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

impl From<[u8; 16]> for Value {
    fn from(value: [u8; 16]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

/// One row, in the order that the statement named its columns.
pub type Row = Vec<Value>;

/// Reads a row from its first column to its last; `None` where a value is not of the type asked for.
pub struct Fields<'a>(std::slice::Iter<'a, Value>);

impl<'a> Fields<'a> {
    /// Begins at the first column.
    pub fn new(row: &'a [Value]) -> Self {
        Self(row.iter())
    }

    /// A number.
    pub fn int(&mut self) -> Option<i64> {
        match self.0.next()? {
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// A number that fits into less.
    pub fn number<T: TryFrom<i64>>(&mut self) -> Option<T> {
        self.int()?.try_into().ok()
    }

    /// 0 or 1.
    pub fn truth(&mut self) -> Option<bool> {
        match self.int()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// A text.
    pub fn text(&mut self) -> Option<&'a str> {
        match self.0.next()? {
            Value::Text(value) => Some(value),
            _ => None,
        }
    }

    /// Bytes.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        match self.0.next()? {
            Value::Bytes(value) => Some(value),
            _ => None,
        }
    }

    /// Exactly `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes()?.try_into().ok()
    }

    /// An AE title.
    pub fn title(&mut self) -> Option<AeTitle> {
        AeTitle::new(self.text()?).ok()
    }

    /// A UID.
    pub fn uid(&mut self) -> Option<Uid> {
        Uid::new(self.text()?).ok()
    }
}

//! The MAC of a row: HMAC-SHA256 over the table's name and every column, so that a row says the same, in the same place,
//! as when this program wrote it. What it cannot show is that a row is the newest of its key: an older one that was put
//! back fits as well, until it expires; rows of the seal ledger never do (docs/threats.md).

use crate::state::row::{Row, Value};
use ring::hmac;

/// A table, with the columns that a MAC covers, in their order. The MAC stands behind them in every row that is read.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// So many columns of a row, the first ones, are its key.
    pub key: usize,
    /// So many columns does the MAC cover.
    pub columns: usize,
    /// So many of them, the last ones, came with a later version than the table. In a row that was there before they are
    /// empty, and its MAC does not cover them.
    pub added: usize,
}

/// No other use of the same key can make a MAC that fits here.
const PURPOSE: &[u8] = b"dicomgate state row 1";

/// What the bytes under a hash begin with, behind their length of eight bytes. Those under a MAC begin with a `p`.
const HASH: &[u8] = b"dicomgate state hash 1";

/// Seals rows, and tells sealed ones from others.
pub struct Sealer(hmac::Key);

impl Sealer {
    /// With the key of all rows.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The row with its MAC behind it.
    pub fn seal(&self, table: &Table, mut row: Row) -> Row {
        let mac = hmac::sign(&self.0, &message(table, &row));
        row.push(Value::Bytes(mac.as_ref().to_vec()));
        row
    }

    /// Whether the MAC at the end of the row fits its table and all of its columns.
    pub fn fits(&self, table: &Table, row: &[Value]) -> bool {
        let Some((Value::Bytes(mac), columns)) = row.split_last() else { return false };
        if columns.len() != table.columns || columns.contains(&Value::Foreign) {
            return false;
        }
        let covers = |columns| hmac::verify(&self.0, &message(table, columns), mac).is_ok();
        // What an earlier version wrote; of this one, no MAC covers so few columns.
        let before = columns.split_at_checked(table.columns.saturating_sub(table.added));
        covers(columns)
            || before
                .is_some_and(|(first, added)| !added.is_empty() && added.iter().all(Value::is_empty) && covers(first))
    }

    /// A keyed hash, for what shall not lie in the database in clear: the same for the same parts, as long as the key is
    /// the same, and of another `purpose` another one. 128 bits.
    pub fn hash(&self, purpose: &'static str, parts: &[&[u8]]) -> [u8; 16] {
        let mut context = hmac::Context::with_key(&self.0);
        let mut part = |content: &[u8]| {
            context.update(&u64::try_from(content.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(content);
        };
        part(HASH);
        part(purpose.as_bytes());
        parts.iter().for_each(|content| part(content));
        let whole = context.sign();
        let mut hash = [0; 16];
        hash.iter_mut().zip(whole.as_ref()).for_each(|(to, from)| *to = *from);
        hash
    }
}

/// Every part with its length before it: two different rows never give the same bytes.
fn message(table: &Table, columns: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512);
    let mut part = |kind: u8, content: &[u8]| {
        bytes.push(kind);
        bytes.extend_from_slice(&u64::try_from(content.len()).unwrap_or(u64::MAX).to_be_bytes());
        bytes.extend_from_slice(content);
    };
    part(b'p', PURPOSE);
    part(b't', table.name.as_bytes());
    for value in columns {
        match value {
            Value::Int(value) => part(b'i', &value.to_be_bytes()),
            Value::Text(value) => part(b's', value.as_bytes()),
            Value::Bytes(value) => part(b'b', value),
            Value::Foreign => part(b'?', b""),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::{Sealer, Table, message};
    use crate::state::row::Value;
    use proptest::prelude::*;

    const ONE: Table = Table { name: "one", key: 1, columns: 3, added: 0 };
    const OTHER: Table = Table { name: "other", key: 1, columns: 3, added: 0 };

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<i64>().prop_map(Value::Int),
            "[ab]{0,3}".prop_map(Value::Text),
            prop::collection::vec(0_u8..3, 0..4).prop_map(Value::Bytes),
        ]
    }

    proptest! {
        #[test]
        fn a_row_fits_as_it_was_and_in_no_other_way(row in prop::collection::vec(value(), 3), other in value(), at in 0_usize..3) {
            let sealer = Sealer::new(&[7; 32]);
            let sealed = sealer.seal(&ONE, row);
            prop_assert!(sealer.fits(&ONE, &sealed));
            prop_assert!(!sealer.fits(&OTHER, &sealed));
            prop_assert!(!Sealer::new(&[8; 32]).fits(&ONE, &sealed));
            let mut changed = sealed.clone();
            changed[at] = other.clone();
            prop_assert_eq!(sealer.fits(&ONE, &changed), changed == sealed);
        }

        #[test]
        fn different_rows_are_different_bytes(a in prop::collection::vec(value(), 0..4), b in prop::collection::vec(value(), 0..4)) {
            prop_assert_eq!(message(&ONE, &a) == message(&ONE, &b), a == b);
        }
    }

    #[test]
    fn a_row_of_an_earlier_version_fits_while_what_was_added_is_empty() {
        let before = Table { columns: 2, ..ONE };
        let (now, sealer) = (Table { added: 1, ..ONE }, Sealer::new(&[7; 32]));
        let mut row = sealer.seal(&before, vec![Value::Int(1), Value::Int(2)]);
        for (value, fits) in [("", true), ("mueller", false)] {
            row.insert(2, Value::from(value));
            assert_eq!(sealer.fits(&now, &row), fits, "{value}");
            assert!(!sealer.fits(&ONE, &row), "nothing was added there");
            row.remove(2);
        }
        // A row of now does not become one of before when somebody empties the column.
        let mut row = sealer.seal(&now, vec![Value::Int(1), Value::Int(2), Value::from("mueller")]);
        assert!(sealer.fits(&now, &row));
        row[2] = Value::from("");
        assert!(!sealer.fits(&now, &row));
    }

    #[test]
    fn a_hash_is_its_purposes_and_its_parts() {
        let sealer = Sealer::new(&[7; 32]);
        let hash = sealer.hash("a", &[b"12", b"3"]);
        assert_eq!(hash, sealer.hash("a", &[b"12", b"3"]));
        for other in [
            sealer.hash("b", &[b"12", b"3"]),
            sealer.hash("a", &[b"1", b"23"]),
            sealer.hash("a", &[b"12", b"3", b""]),
            Sealer::new(&[8; 32]).hash("a", &[b"12", b"3"]),
        ] {
            assert_ne!(hash, other);
        }
    }

    #[test]
    fn a_row_without_a_mac_or_with_one_cut_short_does_not_fit() {
        let sealer = Sealer::new(&[7; 32]);
        let sealed = sealer.seal(&ONE, vec![Value::Int(1), Value::Int(2), Value::Int(3)]);
        assert!(!sealer.fits(&ONE, &[]));
        assert!(!sealer.fits(&ONE, &sealed[..3]));
        let mut short = sealed.clone();
        let Some(Value::Bytes(mac)) = short.last_mut() else { panic!("no MAC") };
        mac.truncate(16);
        assert!(!sealer.fits(&ONE, &short));
        assert!(sealer.fits(&ONE, &sealed));
    }
}

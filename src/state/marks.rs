//! The seals of one instance as one value: a number takes as many bytes as it needs.

use crate::state::ledger::{MOST_SEALS, Mark, SealMark, SealRow};
use crate::state::packed::{pack, unpack};
use crate::vault::{KeyId, SealId};

/// The first byte.
const FORM: u8 = 1;
const FORGOT: u64 = 1;
const ACKNOWLEDGED: u64 = 1;

/// What a row says of its seals.
pub fn write(row: &SealRow) -> Vec<u8> {
    let mut bytes = vec![FORM];
    let number = |out: &mut Vec<u8>, mut rest: u64| {
        while rest >= 0x80 {
            out.push(u8::try_from(rest & 0x7F).unwrap_or_default() | 0x80);
            rest >>= 7;
        }
        out.push(u8::try_from(rest).unwrap_or_default());
    };
    let time = |seconds: i64| u64::try_from(seconds).unwrap_or_default();
    number(&mut bytes, if row.forgot { FORGOT } else { 0 });
    number(&mut bytes, time(row.forgot_doubtful));
    number(&mut bytes, row.changes.into());
    for seal in &row.seals {
        bytes.extend_from_slice(&seal.id.0);
        number(&mut bytes, seal.key.0.into());
        number(&mut bytes, if seal.mark == Mark::Acknowledged { ACKNOWLEDGED } else { 0 });
        number(&mut bytes, time(seal.at));
        number(&mut bytes, seal.verified.map_or(0, time));
        number(&mut bytes, seal.begun.into());
        number(&mut bytes, seal.ended.into());
        number(&mut bytes, seal.rows.into());
        number(&mut bytes, seal.columns.into());
        number(&mut bytes, seal.frames.into());
        let syntax = pack(&seal.syntax);
        number(&mut bytes, syntax.len() as u64);
        bytes.extend_from_slice(&syntax);
    }
    bytes
}

/// Puts back what [`write`] wrote; `None`: it did not write this.
pub fn read(bytes: &[u8], into: SealRow) -> Option<SealRow> {
    let (form, rest) = bytes.split_first()?;
    if *form != FORM {
        return None;
    }
    let mut rest = Rest(rest);
    let (forgot, forgot_doubtful, changes) = (rest.number::<u64>()? & FORGOT != 0, rest.number()?, rest.number()?);
    let mut seals = Vec::new();
    while !rest.0.is_empty() {
        if seals.len() >= MOST_SEALS {
            return None;
        }
        let id = SealId(rest.take(16)?.try_into().ok()?);
        let key = KeyId(rest.number()?);
        let mark = if rest.number::<u64>()? & ACKNOWLEDGED != 0 { Mark::Acknowledged } else { Mark::InDoubt };
        let at = rest.number()?;
        let verified = Some(rest.number()?).filter(|at: &i64| *at != 0);
        let (begun, ended) = (rest.number()?, rest.number()?);
        let (rows, columns, frames) = (rest.number()?, rest.number()?, rest.number()?);
        let length = rest.number()?;
        let syntax = unpack(rest.take(length)?)?;
        seals.push(SealMark { id, key, syntax, rows, columns, frames, mark, at, verified, begun, ended });
    }
    Some(SealRow { seals, forgot, forgot_doubtful, changes, ..into })
}

struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number<T: TryFrom<u64>>(&mut self) -> Option<T> {
        let mut number = 0_u64;
        for shift in (0..63).step_by(7) {
            let [byte] = self.take(1)? else { return None };
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return number.try_into().ok();
            }
        }
        None
    }
}

//! Incident ids: 8 characters to read over the telephone, `7K3F-9QX2`; a keyed permutation of the sequence number.
//!
//! The key and the gateway's name choose the permutation, so an id says nothing about how many records there are, and
//! two gateways number differently. It is a name, not a secret: 40 bits hold 10^12 records.

use ring::hmac;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const HALF: u64 = (1 << 20) - 1;
const ROUNDS: u8 = 6;

/// An incident id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Incident(u64);

/// Not an incident id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an incident id has 8 letters and digits, like `7K3F-9QX2`")]
pub struct IncidentFault;

impl Incident {
    /// The id as it is written: two groups of four with a dash.
    pub fn characters(self) -> [u8; 9] {
        let mut out = [b'-'; 9];
        let mut rest = self.0;
        for slot in out.iter_mut().rev() {
            let digit = ALPHABET.get(usize::try_from(rest & 31).unwrap_or_default()).copied().unwrap_or(b'0');
            *slot = digit;
            rest >>= 5;
        }
        // Nine slots were filled from eight digits and a leading zero: move the first group up and put the dash in.
        let [a, b, c, d, e, ..] = &mut out;
        (*a, *b, *c, *d, *e) = (*b, *c, *d, *e, b'-');
        out
    }
}

impl std::fmt::Display for Incident {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(std::str::from_utf8(&self.characters()).unwrap_or_default())
    }
}

impl std::str::FromStr for Incident {
    type Err = IncidentFault;

    /// Takes an id as people type it: lower case, without the dash, I or L for 1, O for 0.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut value = 0;
        let mut count = 0;
        for byte in text.trim().bytes().filter(|byte| !matches!(byte, b'-' | b' ')) {
            let byte = match byte.to_ascii_uppercase() {
                b'I' | b'L' => b'1',
                b'O' => b'0',
                other => other,
            };
            let digit = ALPHABET.iter().position(|&one| one == byte).ok_or(IncidentFault)?;
            value = value << 5 | u64::try_from(digit).map_err(|_| IncidentFault)?;
            count += 1;
            if count > 8 {
                return Err(IncidentFault);
            }
        }
        if count == 8 { Ok(Self(value)) } else { Err(IncidentFault) }
    }
}

/// The key of a gateway's permutation.
#[derive(Clone)]
pub struct IncidentKey(hmac::Key);

impl IncidentKey {
    /// The permutation of one gateway.
    pub fn new(secret: &[u8; 32], gateway: &str) -> Self {
        let outer = hmac::Key::new(hmac::HMAC_SHA256, secret);
        Self(hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&outer, gateway.as_bytes()).as_ref()))
    }

    /// The id of a record. Sequence numbers beyond 2^40 reuse ids.
    pub fn incident(&self, sequence: u64) -> Incident {
        let (mut left, mut right) = (sequence >> 20 & HALF, sequence & HALF);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ self.round(round, right));
        }
        Incident(left << 20 | right)
    }

    /// The record that an id stands for.
    pub fn sequence(&self, incident: Incident) -> u64 {
        let (mut left, mut right) = (incident.0 >> 20 & HALF, incident.0 & HALF);
        for round in (0..ROUNDS).rev() {
            (left, right) = (right ^ self.round(round, left), left);
        }
        left << 20 | right
    }

    fn round(&self, round: u8, half: u64) -> u64 {
        let mut input = [round; 9];
        for (slot, byte) in input.iter_mut().skip(1).zip(half.to_be_bytes()) {
            *slot = byte;
        }
        let tag = hmac::sign(&self.0, &input);
        tag.as_ref().iter().take(3).fold(0, |value, &byte| value << 8 | u64::from(byte)) & HALF
    }
}

impl std::fmt::Debug for IncidentKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IncidentKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert_eq, proptest};
    use std::collections::HashSet;

    fn key() -> IncidentKey {
        IncidentKey::new(&[1; 32], "gate-1")
    }

    proptest! {
        #[test]
        fn every_id_leads_back_to_its_record(sequence in 0_u64..1 << 40) {
            prop_assert_eq!(key().sequence(key().incident(sequence)), sequence);
        }

        #[test]
        fn every_id_reads_back_however_it_is_typed(sequence in 0_u64..1 << 40) {
            let incident = key().incident(sequence);
            let text = incident.to_string();
            prop_assert_eq!(text.len(), 9);
            prop_assert_eq!(text.as_bytes()[4], b'-');
            prop_assert_eq!(text.parse(), Ok(incident));
            let careless = text.replace('-', "").to_lowercase().replace('1', "l").replace('0', "o");
            prop_assert_eq!(careless.parse(), Ok(incident));
        }
    }

    #[test]
    fn no_two_records_share_an_id() {
        let key = key();
        let ids: HashSet<u64> = (0..100_000).map(|sequence| key.incident(sequence).0).collect();
        assert_eq!(ids.len(), 100_000);
        assert!(ids.iter().all(|&id| id < 1 << 40));
    }

    #[test]
    fn gateways_number_differently() {
        let other = IncidentKey::new(&[1; 32], "gate-2");
        assert_ne!(key().incident(5), other.incident(5));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in ["", "7K3F", "7K3F-9QX2A", "7K3F-9QXU", "7K3F_9QX2", "ü"] {
            assert_eq!(text.parse::<Incident>(), Err(IncidentFault), "{text}");
        }
    }
}

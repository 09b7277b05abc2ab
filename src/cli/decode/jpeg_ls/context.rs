//! What is learned of errors while a scan goes on (A.6, A.7.2): how long they are, and to which side predictions lie.

use super::coding::Coding;
use super::fault::Fault;

/// Bits of a Golomb code that stand as they are (A.5.1): the least k for which `count * 2^k` is not less than `sum`.
fn low_bits(sum: u32, count: u32) -> u32 {
    let low = (sum | 1).ilog2().saturating_sub((count | 1).ilog2());
    if u64::from(count) << low < u64::from(sum) { low + 1 } else { low }
}

/// The sum of sizes at the beginning (A.2.1).
fn first_sum(coding: &Coding) -> u32 {
    ((coding.range + 32) / 64).unsigned_abs().max(2)
}

/// No encoder writes an error beyond these: what follows stays within 32 bits.
fn within(mapped: u32, coding: &Coding) -> Result<i32, Fault> {
    i32::try_from(mapped).ok().filter(|mapped| *mapped <= 2 * coding.range).ok_or(Fault::Damaged)
}

/// One of 365 contexts in which a sample is predicted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Regular {
    /// A: the sum of sizes.
    sum: u32,
    /// B: the sum of errors, of which C has been taken away.
    bias: i32,
    /// C: what predictions are corrected by.
    pub(super) correction: i32,
    /// N: how many.
    count: u32,
}

impl Regular {
    pub(super) fn new(coding: &Coding) -> Self {
        Self { sum: first_sum(coding), bias: 0, correction: 0, count: 1 }
    }

    pub(super) fn low_bits(&self) -> u32 {
        low_bits(self.sum, self.count)
    }

    /// The error that was read (A.5.2), which is learned from (A.6).
    pub(super) fn error(&mut self, mapped: u32, low: u32, coding: &Coding) -> Result<i32, Fault> {
        let mapped = within(mapped, coding)?;
        let count = i32::try_from(self.count).unwrap_or(i32::MAX);
        let error = if coding.near == 0 && low == 0 && 2 * self.bias <= -count {
            if mapped % 2 == 1 { mapped / 2 } else { -(mapped / 2) - 1 }
        } else if mapped % 2 == 0 {
            mapped / 2
        } else {
            -(mapped / 2) - 1
        };
        self.bias += error * coding.step;
        self.sum = self.sum.saturating_add(error.unsigned_abs());
        if self.count == coding.reset {
            self.sum >>= 1;
            self.bias >>= 1;
            self.count >>= 1;
        }
        self.count += 1;
        let count = i32::try_from(self.count).unwrap_or(i32::MAX);
        if self.bias <= -count {
            self.correction = (self.correction - 1).max(-128);
            self.bias = (self.bias + count).max(1 - count);
        } else if self.bias > 0 {
            self.correction = (self.correction + 1).min(127);
            self.bias = (self.bias - count).min(0);
        }
        Ok(error)
    }
}

/// One of two contexts for the sample that ends a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending {
    /// A.
    sum: u32,
    /// N.
    count: u32,
    /// Nn: how many errors were negative.
    negative: u32,
    /// RItype: the samples left and above are alike.
    alike: bool,
}

impl Ending {
    pub(super) fn new(coding: &Coding, alike: bool) -> Self {
        Self { sum: first_sum(coding), count: 1, negative: 0, alike }
    }

    pub(super) fn low_bits(&self) -> u32 {
        let sum = if self.alike { self.sum.saturating_add(self.count >> 1) } else { self.sum };
        low_bits(sum, self.count)
    }

    /// The error that was read, which is learned from (A.7.2).
    pub(super) fn error(&mut self, mapped: u32, low: u32, coding: &Coding) -> Result<i32, Fault> {
        let mapped = within(mapped, coding)?;
        let kind = i32::from(self.alike);
        let whole = mapped + kind;
        let size = (whole + 1) / 2;
        // Which sign the lowest bit means depends on which was seen more often.
        let mostly_negative = low != 0 || 2 * self.negative >= self.count;
        let error = if (whole % 2 == 1) == mostly_negative { -size } else { size };
        if error < 0 {
            self.negative += 1;
        }
        self.sum = self.sum.saturating_add(((mapped + 1 - kind) / 2).unsigned_abs());
        if self.count == coding.reset {
            self.sum >>= 1;
            self.count >>= 1;
            self.negative >>= 1;
        }
        self.count += 1;
        Ok(error)
    }
}

#[cfg(test)]
mod tests {
    use super::super::coding::Preset;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn low_bits_are_the_least_that_do(sum in 0_u32..1 << 31, count in 1_u32..65_537) {
            let mut least = 0;
            while u64::from(count) << least < u64::from(sum) {
                least += 1;
            }
            prop_assert_eq!(low_bits(sum, count), least);
        }

        #[test]
        fn nothing_runs_over_whatever_is_read(
            mapped in prop::collection::vec(0_u32..140_000, 1..300), near in 0_u8..=255, reset in 3_u16..=65_535,
        ) {
            let coding = Coding::new(16, near, &Preset { reset, ..Preset::default() }).unwrap();
            let mut regular = Regular::new(&coding);
            let mut endings = [Ending::new(&coding, false), Ending::new(&coding, true)];
            for mapped in mapped.iter().cycle().take(3000) {
                let low = regular.low_bits();
                let _ = regular.error(*mapped, low, &coding);
                prop_assert!((-128..=127).contains(&regular.correction) && regular.low_bits() < 20);
                for ending in &mut endings {
                    let low = ending.low_bits();
                    let _ = ending.error(*mapped, low, &coding);
                    prop_assert!(ending.low_bits() < 20 && ending.negative <= ending.count);
                }
            }
        }
    }
}

//! What a scan is coded with (C.2.4.1.1, A.2.1): thresholds, ranges and limits that follow from few numbers.

use super::fault::Fault;

/// What LSE says of the next scans; 0: as the standard has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Preset {
    pub(super) highest: u16,
    pub(super) thresholds: [u16; 3],
    pub(super) reset: u16,
}

/// All that follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Coding {
    /// NEAR: by so much a sample may be another one.
    pub(super) near: i32,
    /// 2 NEAR + 1: an error counts so many times.
    pub(super) step: i32,
    /// MAXVAL: no sample is greater.
    pub(super) highest: i32,
    /// T1, T2, T3.
    pub(super) thresholds: [i32; 3],
    /// RESET: what has been counted is halved after so many.
    pub(super) reset: u32,
    /// RANGE: so many errors there are.
    pub(super) range: i32,
    /// qbpp: bits of an error.
    pub(super) whole: u32,
    /// LIMIT: bits of the longest code.
    pub(super) limit: u32,
}

/// Bits that numbers below this have.
const fn bits(range: i32) -> u32 {
    i32::BITS - (range - 1).leading_zeros()
}

impl Coding {
    /// For samples of so many bits.
    ///
    /// # Errors
    /// The numbers cannot be.
    pub(super) fn new(precision: u8, near: u8, preset: &Preset) -> Result<Self, Fault> {
        let most = (1_i32 << precision.min(16)) - 1;
        let highest = if preset.highest == 0 { most } else { i32::from(preset.highest) };
        let near = i32::from(near);
        if highest > most || near > highest / 2 {
            return Err(Fault::Damaged);
        }
        let thresholds = thresholds(highest, near, preset.thresholds)?;
        let reset = if preset.reset == 0 { 64 } else { u32::from(preset.reset) };
        if reset < 3 || reset > highest.unsigned_abs().max(255) {
            return Err(Fault::Damaged);
        }
        let step = 2 * near + 1;
        let range = (highest + 2 * near) / step + 1;
        let sample = bits(highest + 1).max(2);
        let limit = 2 * (sample + sample.max(8));
        Ok(Self { near, step, highest, thresholds, reset, range, whole: bits(range), limit })
    }

    /// A sample from what was predicted and the error (A.4.4, A.4.5): what runs over at one end comes back at the other.
    pub(super) fn rebuilt(&self, predicted: i32, error: i32) -> i32 {
        let sample = predicted + error * self.step;
        let sample = if sample < -self.near {
            sample + self.range * self.step
        } else if sample > self.highest + self.near {
            sample - self.range * self.step
        } else {
            sample
        };
        sample.clamp(0, self.highest)
    }

    /// Which of nine regions a gradient is in (A.3.3).
    pub(super) const fn region(&self, gradient: i32) -> i32 {
        let [first, second, third] = self.thresholds;
        let size = gradient.abs();
        let region = if size <= self.near {
            0
        } else if size < first {
            1
        } else if size < second {
            2
        } else if size < third {
            3
        } else {
            4
        };
        if gradient < 0 { -region } else { region }
    }
}

/// T1, T2 and T3 as LSE says them, else as they follow from the others (C.2.4.1.1.1).
fn thresholds(highest: i32, near: i32, said: [u16; 3]) -> Result<[i32; 3], Fault> {
    const BASIC: [(i32, i32, i32); 3] = [(3, 2, 3), (7, 3, 5), (21, 4, 7)];
    let mut least = near + 1;
    let mut all = [0; 3];
    for ((place, said), (basic, floor, nears)) in all.iter_mut().zip(said).zip(BASIC) {
        let threshold = match said {
            0 => {
                let usual = if highest >= 128 {
                    let factor = (highest.min(4095) + 128) / 256;
                    factor * (basic - floor) + floor + nears * near
                } else {
                    let factor = 256 / (highest + 1);
                    (basic / factor + nears * near).max(floor)
                };
                if usual > highest || usual < least { least } else { usual }
            }
            said => i32::from(said),
        };
        if threshold < least || threshold > highest {
            return Err(Fault::Damaged);
        }
        (*place, least) = (threshold, threshold);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coding(precision: u8, near: u8) -> Coding {
        Coding::new(precision, near, &Preset::default()).unwrap()
    }

    #[test]
    fn what_nobody_says_is_as_the_standard_has_it() {
        let of = |precision, near| {
            let Coding { thresholds: [one, two, three], range, whole, limit, reset, .. } = coding(precision, near);
            (one, two, three, range, whole, limit, reset)
        };
        // Table C.3, and what follows from A.2.1.
        assert_eq!(of(8, 0), (3, 7, 21, 256, 8, 32, 64));
        assert_eq!(of(12, 0), (18, 67, 276, 4096, 12, 48, 64));
        assert_eq!(of(16, 0), (18, 67, 276, 65_536, 16, 64, 64));
        assert_eq!(of(8, 3), (12, 22, 42, 38, 6, 32, 64));
        assert_eq!(of(2, 0), (2, 3, 3, 4, 2, 20, 64));
        assert_eq!(of(7, 0), (2, 3, 10, 128, 7, 30, 64));
    }

    #[test]
    fn numbers_that_cannot_be_are_refused() {
        let said = |highest, thresholds, reset| Coding::new(8, 1, &Preset { highest, thresholds, reset });
        assert!(said(255, [2, 2, 255], 3).is_ok() && said(3, [0; 3], 255).is_ok());
        for (highest, thresholds, reset) in [
            (256, [0; 3], 0),
            (1, [0; 3], 0),
            (0, [1, 0, 0], 0),
            (0, [9, 8, 0], 0),
            (0, [9, 20, 19], 0),
            (0, [0, 0, 256], 0),
            (0, [0; 3], 2),
            (0, [0; 3], 256),
        ] {
            assert_eq!(said(highest, thresholds, reset), Err(Fault::Damaged), "{highest} {thresholds:?} {reset}");
        }
        assert_eq!(Coding::new(8, 128, &Preset::default()), Err(Fault::Damaged));
    }

    #[test]
    fn what_runs_over_comes_back_at_the_other_end() {
        let exact = coding(8, 0);
        assert_eq!([exact.rebuilt(250, 10), exact.rebuilt(3, -5), exact.rebuilt(7, 1)], [4, 254, 8]);
        let near = coding(8, 2);
        assert_eq!([near.rebuilt(250, 1), near.rebuilt(250, 2), near.rebuilt(1, -1)], [255, 0, 255]);
        assert_eq!([-30, -7, -3, -1, 0, 2, 3, 7, 21].map(|at| exact.region(at)), [-4, -3, -2, -1, 0, 1, 2, 3, 4]);
    }
}

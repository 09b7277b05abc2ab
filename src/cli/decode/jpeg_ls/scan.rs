//! Lines of a scan (A.3 to A.7, B.2 and B.3): each sample is predicted from its neighbours, runs of like ones are counted.

use super::bits::Bits;
use super::coding::Coding;
use super::context::{Ending, Regular};
use super::fault::Fault;

#[cfg(test)]
pub(super) mod encoder;

/// J (A.2.1): bits of the length of a run.
const RUN_BITS: [u32; 32] =
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];
/// Contexts of three gradients in nine regions each, of which those with the other sign are the same.
const CONTEXTS: usize = 365;

/// One component: the line that is decoded, and the one above. In front of each stands one sample more, behind it another.
#[derive(Debug, Clone)]
pub(super) struct Plane {
    above: Vec<i32>,
    line: Vec<i32>,
    /// RUNindex.
    run: usize,
}

impl Plane {
    pub(super) fn new(width: usize) -> Self {
        Self { above: vec![0; width + 2], line: vec![0; width + 2], run: 0 }
    }

    /// The samples of the line.
    pub(super) fn samples(&self) -> impl Iterator<Item = u16> {
        let width = self.line.len().saturating_sub(2);
        self.line.iter().skip(1).take(width).map(|sample| u16::try_from(*sample).unwrap_or(u16::MAX))
    }

    const fn width(&self) -> usize {
        self.line.len().saturating_sub(2)
    }

    /// To the next line. What has no neighbour takes that of the one above (A.2.1): before the first sample stands the first
    /// one above, behind the last one above stands the same again.
    fn next(&mut self) {
        std::mem::swap(&mut self.above, &mut self.line);
        if let [.., last, behind] = self.above.as_mut_slice() {
            *behind = *last;
        }
        if let ([_, first, ..], [before, ..]) = (self.above.as_slice(), self.line.as_mut_slice()) {
            *before = *first;
        }
    }

    /// The samples around the one at this place: left (a), above (b), left of that (c), right of it (d).
    fn around(&self, at: usize) -> Around {
        let left = self.line.get(at).copied().unwrap_or_default();
        match self.above.get(at..at + 3) {
            Some([c, b, d]) => Around { a: left, b: *b, c: *c, d: *d },
            _ => Around { a: left, b: 0, c: 0, d: 0 },
        }
    }

    fn put(&mut self, at: usize, sample: i32) {
        if let Some(place) = self.line.get_mut(at + 1) {
            *place = sample;
        }
    }

    fn fill(&mut self, at: usize, length: usize, sample: i32) {
        self.line.iter_mut().skip(at + 1).take(length).for_each(|place| *place = sample);
    }
}

/// Neighbours of a sample (figure 3 of the standard).
#[derive(Debug, Clone, Copy)]
struct Around {
    a: i32,
    b: i32,
    c: i32,
    d: i32,
}

impl Around {
    /// In which context: 0 where all is flat, negative where gradients are seen from the other side (A.3.3, A.3.4).
    const fn context(&self, coding: &Coding) -> i32 {
        let regions = [coding.region(self.d - self.b), coding.region(self.b - self.c), coding.region(self.c - self.a)];
        let [first, second, third] = regions;
        81 * first + 9 * second + third
    }

    /// From the edge that is seen here (A.4.1).
    fn predicted(&self) -> i32 {
        let (low, high) = (self.a.min(self.b), self.a.max(self.b));
        if self.c >= high {
            low
        } else if self.c <= low {
            high
        } else {
            self.a + self.b - self.c
        }
    }
}

/// A scan, or what is between two restarts of it.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    coding: Coding,
    bits: Bits<'a>,
    regular: Vec<Regular>,
    endings: [Ending; 2],
}

/// A run.
struct Run {
    length: usize,
    /// The bits that its length had, if it does not go to the end of the line.
    ended: Option<u32>,
}

impl<'a> Scan<'a> {
    pub(super) fn new(coding: Coding, bytes: &'a [u8]) -> Self {
        let regular = vec![Regular::new(&coding); CONTEXTS];
        let endings = [Ending::new(&coding, false), Ending::new(&coding, true)];
        Self { coding, bits: Bits::new(bytes), regular, endings }
    }

    /// What is left from the next marker on.
    pub(super) fn end(&self) -> &'a [u8] {
        self.bits.end()
    }

    /// The next line of one component.
    pub(super) fn line(&mut self, plane: &mut Plane) -> Result<(), Fault> {
        plane.next();
        let (width, mut at) = (plane.width(), 0);
        while at < width {
            let around = plane.around(at);
            let context = around.context(&self.coding);
            if context != 0 {
                let sample = self.sample(context, &around)?;
                plane.put(at, sample);
                at += 1;
                continue;
            }
            let run = self.run(&mut plane.run, width - at)?;
            plane.fill(at, run.length, around.a);
            at += run.length;
            if let Some(bits) = run.ended {
                let around = plane.around(at);
                let alike = (around.a - around.b).abs() <= self.coding.near;
                let sample = self.ending(alike, bits, &around)?;
                plane.put(at, sample);
                at += 1;
            }
        }
        Ok(())
    }

    /// The next line of several components, pixel by pixel (B.3): a run is one of all of them.
    pub(super) fn pixels(&mut self, planes: &mut [Plane]) -> Result<(), Fault> {
        planes.iter_mut().for_each(Plane::next);
        let (width, mut at) = (planes.first().map_or(0, Plane::width), 0);
        while at < width {
            if planes.iter().any(|plane| plane.around(at).context(&self.coding) != 0) {
                for plane in planes.iter_mut() {
                    let around = plane.around(at);
                    let sample = self.sample(around.context(&self.coding), &around)?;
                    plane.put(at, sample);
                }
                at += 1;
                continue;
            }
            let Some(first) = planes.first_mut() else { return Ok(()) };
            let run = self.run(&mut first.run, width - at)?;
            for plane in planes.iter_mut() {
                let left = plane.around(at).a;
                plane.fill(at, run.length, left);
            }
            at += run.length;
            if let Some(bits) = run.ended {
                for plane in planes.iter_mut() {
                    let around = plane.around(at);
                    let sample = self.ending(false, bits, &around)?;
                    plane.put(at, sample);
                }
                at += 1;
            }
        }
        Ok(())
    }

    /// A sample that is predicted (A.4 to A.6).
    fn sample(&mut self, context: i32, around: &Around) -> Result<i32, Fault> {
        let sign = if context < 0 { -1 } else { 1 };
        let known = self.regular.get_mut(context.unsigned_abs() as usize).ok_or(Fault::Damaged)?;
        let predicted = (around.predicted() + sign * known.correction).clamp(0, self.coding.highest);
        let low = known.low_bits();
        let mapped = self.bits.golomb(low, self.coding.limit, self.coding.whole)?;
        let error = known.error(mapped, low, &self.coding)?;
        Ok(self.coding.rebuilt(predicted, sign * error))
    }

    /// How many samples are like the one before (A.7.1).
    fn run(&mut self, index: &mut usize, left: usize) -> Result<Run, Fault> {
        let mut length = 0;
        while length < left {
            let bits = RUN_BITS.get(*index).copied().unwrap_or(15);
            if !self.bits.bit()? {
                length += self.bits.number(bits)? as usize;
                if length >= left {
                    return Err(Fault::Damaged);
                }
                *index = index.saturating_sub(1);
                return Ok(Run { length, ended: Some(bits) });
            }
            let more = 1_usize << bits;
            if more <= left - length {
                *index = (*index + 1).min(RUN_BITS.len() - 1);
            }
            length = (length + more).min(left);
        }
        Ok(Run { length, ended: None })
    }

    /// The sample that ends a run (A.7.2); `alike`: those left and above are, and it is predicted from the left one.
    fn ending(&mut self, alike: bool, bits: u32, around: &Around) -> Result<i32, Fault> {
        let [other, same] = &mut self.endings;
        let known = if alike { same } else { other };
        let low = known.low_bits();
        let limit = self.coding.limit.saturating_sub(bits + 1);
        let mapped = self.bits.golomb(low, limit, self.coding.whole)?;
        let error = known.error(mapped, low, &self.coding)?;
        let (predicted, sign) = match alike {
            true => (around.a, 1),
            false if around.a > around.b => (around.b, -1),
            false => (around.b, 1),
        };
        Ok(self.coding.rebuilt(predicted, sign * error))
    }
}

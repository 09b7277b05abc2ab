//! The other way round, for tests: it writes what the decoder's own contexts read as the sample that is wanted.

use super::{Around, CONTEXTS, Coding, Ending, Plane, RUN_BITS, Regular};

/// Bits, with one stuffed behind each FF.
#[derive(Default)]
struct Written {
    bytes: Vec<u8>,
    byte: u32,
    bits: u32,
}

impl Written {
    fn put(&mut self, bits: u32, number: u32) {
        for at in (0..bits).rev() {
            self.byte = self.byte << 1 | (u64::from(number) >> at & 1) as u32;
            self.bits += 1;
            let room = if self.bytes.last() == Some(&0xff) { 7 } else { 8 };
            if self.bits == room {
                self.bytes.push(self.byte as u8);
                (self.byte, self.bits) = (0, 0);
            }
        }
    }

    fn golomb(&mut self, mapped: u32, low: u32, limit: u32, whole: u32) {
        let (zeros, escape) = (mapped >> low, limit - whole - 1);
        self.put(zeros.min(escape), 0);
        self.put(1, 1);
        if zeros < escape { self.put(low, mapped) } else { self.put(whole, mapped - 1) }
    }

    fn end(mut self) -> Vec<u8> {
        while self.bits > 0 || self.bytes.last() == Some(&0xff) {
            self.put(1, 0);
        }
        self.bytes
    }
}

/// What [`super::Scan`] reads.
pub(in super::super) struct Encoder {
    coding: Coding,
    out: Written,
    regular: Vec<Regular>,
    endings: [Ending; 2],
    planes: Vec<Plane>,
}

impl Encoder {
    pub(in super::super) fn new(coding: Coding, width: usize, planes: usize) -> Self {
        let regular = vec![Regular::new(&coding); CONTEXTS];
        let endings = [Ending::new(&coding, false), Ending::new(&coding, true)];
        Self { coding, out: Written::default(), regular, endings, planes: vec![Plane::new(width); planes] }
    }

    pub(in super::super) fn end(self) -> Vec<u8> {
        self.out.end()
    }

    /// One line of each component, each by itself.
    pub(in super::super) fn lines(&mut self, wanted: &[&[u16]]) {
        for (number, wanted) in wanted.iter().enumerate() {
            self.line(number, wanted);
        }
    }

    fn line(&mut self, number: usize, wanted: &[u16]) {
        self.planes[number].next();
        let mut at = 0;
        while at < wanted.len() {
            let around = self.planes[number].around(at);
            let context = around.context(&self.coding);
            if context != 0 {
                self.sample(number, at, context, &around, wanted[at]);
                at += 1;
                continue;
            }
            let near = self.coding.near;
            let alike = |sample: &&u16| (i32::from(**sample) - around.a).abs() <= near;
            let length = wanted[at..].iter().take_while(alike).count();
            let bits = self.run(number, length, wanted.len() - at);
            self.planes[number].fill(at, length, around.a);
            at += length;
            if at < wanted.len() {
                let around = self.planes[number].around(at);
                self.ending(number, at, (around.a - around.b).abs() <= near, bits, &around, wanted[at]);
                at += 1;
            }
        }
    }

    /// One line of all components, pixel by pixel.
    pub(in super::super) fn pixels(&mut self, wanted: &[&[u16]]) {
        self.planes.iter_mut().for_each(Plane::next);
        let (width, all) = (wanted[0].len(), 0..wanted.len());
        let mut at = 0;
        while at < width {
            let around: Vec<Around> = self.planes.iter().map(|plane| plane.around(at)).collect();
            if around.iter().any(|around| around.context(&self.coding) != 0) {
                for number in all.clone() {
                    let context = around[number].context(&self.coding);
                    self.sample(number, at, context, &around[number], wanted[number][at]);
                }
                at += 1;
                continue;
            }
            let near = self.coding.near;
            let alike = |at: &usize| {
                all.clone().all(|number| (i32::from(wanted[number][*at]) - around[number].a).abs() <= near)
            };
            let length = (at..width).take_while(alike).count();
            let bits = self.run(0, length, width - at);
            for (plane, around) in self.planes.iter_mut().zip(&around) {
                plane.fill(at, length, around.a);
            }
            at += length;
            if at < width {
                for number in all.clone() {
                    let around = self.planes[number].around(at);
                    self.ending(number, at, false, bits, &around, wanted[number][at]);
                }
                at += 1;
            }
        }
    }

    fn run(&mut self, number: usize, mut length: usize, left: usize) -> u32 {
        let (index, ended) = (&mut self.planes[number].run, length < left);
        while length >= 1 << RUN_BITS[*index] {
            self.out.put(1, 1);
            length -= 1 << RUN_BITS[*index];
            *index = (*index + 1).min(31);
        }
        let bits = RUN_BITS[*index];
        if ended {
            self.out.put(1, 0);
            self.out.put(bits, length as u32);
            *index = index.saturating_sub(1);
        } else if length > 0 {
            self.out.put(1, 1);
        }
        bits
    }

    /// The error between two samples, as it is coded (A.4.4, A.4.5).
    fn error(&self, difference: i32) -> i32 {
        let Coding { near, step, range, .. } = self.coding;
        let error = if difference > 0 { (difference + near) / step } else { -((near - difference) / step) };
        let error = if error < 0 { error + range } else { error };
        if error >= (range + 1) / 2 { error - range } else { error }
    }

    fn sample(&mut self, number: usize, at: usize, context: i32, around: &Around, wanted: u16) {
        let sign = if context < 0 { -1 } else { 1 };
        let known = self.regular[context.unsigned_abs() as usize];
        let predicted = (around.predicted() + sign * known.correction).clamp(0, self.coding.highest);
        let error = self.error(sign * (i32::from(wanted) - predicted));
        let low = known.low_bits();
        let read = |mapped: u32| known.clone().error(mapped, low, &self.coding);
        let mapped = codes(error).find(|mapped| read(*mapped) == Ok(error)).unwrap();
        self.regular[context.unsigned_abs() as usize].error(mapped, low, &self.coding).unwrap();
        self.out.golomb(mapped, low, self.coding.limit, self.coding.whole);
        self.planes[number].put(at, self.coding.rebuilt(predicted, sign * error));
    }

    fn ending(&mut self, number: usize, at: usize, alike: bool, bits: u32, around: &Around, wanted: u16) {
        let predicted = if alike { around.a } else { around.b };
        let sign = if !alike && around.a > around.b { -1 } else { 1 };
        let error = self.error(sign * (i32::from(wanted) - predicted));
        let known = self.endings[usize::from(alike)];
        let low = known.low_bits();
        let read = |mapped: u32| known.clone().error(mapped, low, &self.coding);
        let mapped = codes(error).find(|mapped| read(*mapped) == Ok(error)).unwrap();
        self.endings[usize::from(alike)].error(mapped, low, &self.coding).unwrap();
        self.out.golomb(mapped, low, self.coding.limit - bits - 1, self.coding.whole);
        self.planes[number].put(at, self.coding.rebuilt(predicted, sign * error));
    }
}

/// Numbers that may stand for an error.
fn codes(error: i32) -> std::ops::RangeInclusive<u32> {
    let twice = 2 * error.unsigned_abs();
    twice.saturating_sub(2)..=twice + 1
}

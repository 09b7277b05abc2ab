//! A head of ellipsoids after Shepp and Logan, in Hounsfield units, one slice at a time.

/// Rows and columns of a slice.
pub const SIZE: u16 = 512;
/// How many slices a study has.
pub const SLICES: u16 = 24;
/// Side of a pixel, millimetres.
pub const SPACING: f64 = 0.48;
/// Distance of slices, millimetres.
pub const THICKNESS: f64 = 6.0;
/// What a stored value of 0 means, Hounsfield units: air is stored as 24.
pub const INTERCEPT: i16 = -1024;

/// A part of the head. The unit is half the field of view; painted in order, the later over the earlier.
struct Ellipsoid {
    centre: [f64; 3],
    half: [f64; 3],
    /// Turn in the slice's plane, degrees.
    turn: f64,
    hounsfield: i16,
}

const fn part(centre: [f64; 3], half: [f64; 3], turn: f64, hounsfield: i16) -> Ellipsoid {
    Ellipsoid { centre, half, turn, hounsfield }
}

const HEAD: [Ellipsoid; 11] = [
    part([0.0, 0.0, 0.0], [0.72, 0.95, 0.84], 0.0, 60),       // scalp
    part([0.0, 0.0, 0.0], [0.69, 0.92, 0.81], 0.0, 1100),     // skull
    part([0.0, 0.0184, 0.0], [0.6624, 0.874, 0.78], 0.0, 36), // brain
    part([0.22, 0.0, 0.0], [0.11, 0.31, 0.22], -18.0, 6),     // right ventricle
    part([-0.22, 0.0, 0.0], [0.16, 0.41, 0.28], 18.0, 6),     // left ventricle
    part([0.0, -0.35, -0.15], [0.21, 0.25, 0.41], 0.0, 42),
    part([0.0, -0.1, 0.25], [0.046, 0.046, 0.05], 0.0, 62),
    part([0.0, 0.1, 0.25], [0.046, 0.046, 0.05], 0.0, 62),
    part([-0.08, 0.605, 0.0], [0.046, 0.023, 0.05], 0.0, 75),
    part([0.0, 0.605, 0.0], [0.023, 0.023, 0.02], 0.0, 75),
    part([0.06, 0.605, 0.0], [0.023, 0.046, 0.02], 90.0, 75),
];

/// Height of a slice's middle, in the unit of the ellipsoids.
fn height(slice: u16) -> f64 {
    let step = 2.0 / f64::from(SLICES);
    -1.0 + step * (f64::from(slice) + 0.5)
}

/// The slice's pixels, 16 bits each, little endian, row by row. The same bytes on every machine: only basic
/// arithmetic and square roots decide, which IEEE 754 defines to the last bit.
pub fn slice(slice: u16) -> Vec<u8> {
    let side = usize::from(SIZE);
    let air = -1000;
    let mut field = vec![air; side * side];
    let z = height(slice);
    for part in &HEAD {
        paint(&mut field, part, z);
    }
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15 ^ (u64::from(slice) << 32));
    let mut bytes = Vec::with_capacity(field.len() * 2);
    for hounsfield in field {
        let stored = hounsfield.saturating_add(noise.next()).saturating_sub(INTERCEPT).max(0);
        bytes.extend_from_slice(&stored.to_le_bytes());
    }
    bytes
}

/// Paints the cut of an ellipsoid, row by row: the ends of each run are the roots of a quadratic equation.
fn paint(field: &mut [i16], part: &Ellipsoid, z: f64) {
    let [cx, cy, cz] = part.centre;
    let [a, b, c] = part.half;
    let shrink = 1.0 - ((z - cz) / c).powi(2);
    if shrink <= 0.0 {
        return;
    }
    let (sin, cos) = sine_cosine(part.turn);
    let (pa, pb) = (1.0 / (a * a), 1.0 / (b * b));
    // In the slice: u = x cos + y sin, v = -x sin + y cos; u^2/a^2 + v^2/b^2 = shrink, solved for x.
    let qa = cos * cos * pa + sin * sin * pb;
    let side = usize::from(SIZE);
    let scale = f64::from(SIZE) / 2.0;
    for (row, line) in field.chunks_exact_mut(side).enumerate() {
        let y = (row as f64 + 0.5) / scale - 1.0 - cy;
        let qb = 2.0 * y * sin * cos * (pa - pb);
        let qc = y * y * (sin * sin * pa + cos * cos * pb) - shrink;
        let discriminant = qb * qb - 4.0 * qa * qc;
        if discriminant <= 0.0 {
            continue;
        }
        let root = discriminant.sqrt();
        let column = |x: f64| ((x + cx + 1.0) * scale).clamp(0.0, f64::from(SIZE)) as usize;
        let (from, until) = (column((-qb - root) / (2.0 * qa)), column((-qb + root) / (2.0 * qa)));
        if let Some(run) = line.get_mut(from..until) {
            run.fill(part.hounsfield);
        }
    }
}

/// Only the turns that the head has: library sines may differ in the last bit between systems.
fn sine_cosine(degrees: f64) -> (f64, f64) {
    const SIN_18: f64 = 0.309_016_994_374_947_45;
    const COS_18: f64 = 0.951_056_516_295_153_5;
    match degrees as i32 {
        18 => (SIN_18, COS_18),
        -18 => (-SIN_18, COS_18),
        90 => (1.0, 0.0),
        _ => (0.0, 1.0),
    }
}

/// The grain of a scanner: xorshift, so that no two slices compress to nothing.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> i16 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // -7 to 8, the middle more often than the ends.
        let half = |shift: u32| i16::from((self.0 >> shift) as u8 & 7);
        half(11) + half(29) - 6
    }
}

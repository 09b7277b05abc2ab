use super::coding::{Coding, Preset};
use super::fault::Fault;
use super::scan::encoder::Encoder;
use super::{Decoded, decode};
use crate::transform::frames::Image;
use proptest::prelude::*;

fn image(rows: u16, columns: u16, samples: u8, allocated: u8) -> Image {
    Image {
        syntax: "1.2.840.10008.1.2.4.80".parse().unwrap(),
        rows,
        columns,
        samples,
        allocated,
        stored: allocated,
        signed: false,
        photometric: if samples == 3 { "RGB" } else { "MONOCHROME2" }.to_owned(),
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// The example of the standard (H.3).
const EXAMPLE: &str = "ffd8 fff7000b08 0004 0004 01 011100 ffda 0008 01 0100 000000
    c000006c80208e01c0000057400000 6ee6000001bc18000005d800009160 ffd9";

const PIXELS: [u8; 16] = [0, 0, 90, 74, 68, 50, 43, 205, 64, 145, 145, 145, 100, 145, 145, 145];

#[test]
fn the_example_of_the_standard_is_decoded() {
    let wanted = Ok(Decoded { bytes: PIXELS.to_vec(), precision: 8 });
    assert_eq!(decode(&image(4, 4, 1, 8), &bytes(EXAMPLE)), wanted);
    // What may stand around it: fill bytes, comments, applications, colours that are not transformed, padding.
    let (before, behind) = EXAMPLE.split_once(" fff7").unwrap();
    let more = format!(
        "{before} fffffe0004abcd ffe8 0007 6d726678 00 ffef0002 fff8000d01 0000000000000000 0000 fff7{behind} 000000"
    );
    assert_eq!(decode(&image(4, 4, 1, 8), &bytes(&more)), wanted);
    let wide: Vec<u8> = PIXELS.iter().flat_map(|pixel| [*pixel, 0]).collect();
    assert_eq!(decode(&image(4, 4, 1, 16), &bytes(EXAMPLE)), Ok(Decoded { bytes: wide, precision: 8 }));
}

#[test]
fn what_does_not_fit_the_attributes_or_has_no_use_is_refused() {
    let is = |from: &str, to: &str, fault: Fault| {
        assert!(EXAMPLE.contains(from), "{from}");
        assert_eq!(decode(&image(4, 4, 1, 8), &bytes(&EXAMPLE.replacen(from, to, 1))), Err(fault), "{from}: {to}");
    };
    is("ffd8", "", Fault::None);
    is("ffd8", "ffd9", Fault::None);
    is("fff7", "ffc3", Fault::None);
    is("0004 0004", "0004 0005", Fault::Size);
    is("0004 0004", "0000 0004", Fault::Size);
    is("01 011100", "00", Fault::Size);
    is("fff7000b08", "fff7000b10", Fault::Bits);
    is("fff7000b08", "fff7000b01", Fault::Damaged);
    is("011100", "012100", Fault::Unused("components of another size"));
    is("fff7", "fff8000d02 0101010101010101 0000 fff7", Fault::Unused("tables that map samples"));
    is("fff7", "fff8000704 00000000 fff7", Fault::Unused("more than 65535 rows or columns"));
    is("fff7", "fff8000305fff7", Fault::Unused("extensions"));
    is("fff7", "ffe8 0007 6d726678 01 fff7", Fault::Unused("colours that are transformed"));
    is("fff7", "ffdc 0004 0004 fff7", Fault::Unused("a number of lines behind them"));
    is("fff7", "fff8000d01 0100 000000000000 0000 fff7", Fault::Damaged);
    is("fff7", "ffdd0003 01 fff7", Fault::Damaged);
    is("fff7", "ffd0 fff7", Fault::Damaged);
    is("fff7", "00 fff7", Fault::Damaged);
    is("fff7", "ffd9 fff7", Fault::Cut);
    is("ffda", "fff7000b08 0004 0004 01 011100 ffda", Fault::Damaged);
    is("fff7000b08 0004 0004 01 011100", "", Fault::Damaged);
    is("01 0100 000000", "01 0200 000000", Fault::Damaged);
    is("01 0100 000000", "01 0101 000000", Fault::Unused("tables that map samples"));
    is("01 0100 000000", "01 0100 800000", Fault::Damaged);
    is("01 0100 000000", "01 0100 000300", Fault::Damaged);
    is("01 0100 000000", "01 0100 000001", Fault::Unused("a point transform"));
    assert_eq!(decode(&image(4, 4, 1, 12), &bytes(EXAMPLE)), Err(Fault::Bits));
    for (rows, columns, samples) in [(4, 4, 3), (1, 16, 1), (65_535, 65_535, 3)] {
        assert_eq!(decode(&image(rows, columns, samples, 8), &bytes(EXAMPLE)), Err(Fault::Size));
    }
    assert_eq!(decode(&image(4, 4, 1, 8), &[]), Err(Fault::None));
}

#[test]
fn what_ends_early_is_refused_wherever_it_ends() {
    let whole = bytes(EXAMPLE);
    for length in 0..whole.len() - 3 {
        assert!(decode(&image(4, 4, 1, 8), &whole[..length]).is_err(), "{length}");
    }
    // Of what is of no use any more nothing is missed.
    assert!(decode(&image(4, 4, 1, 8), &whole[..whole.len() - 2]).is_ok());
}

/// How an image is written.
#[derive(Debug, Clone)]
struct Made {
    rows: u16,
    columns: u16,
    precision: u8,
    near: u8,
    preset: Preset,
    restart: u16,
    /// Which components each scan has, and whether pixel by pixel.
    scans: Vec<(Vec<usize>, bool)>,
    /// Each component by itself.
    samples: Vec<Vec<u16>>,
}

impl Made {
    fn image(&self) -> Image {
        image(self.rows, self.columns, self.samples.len() as u8, if self.precision > 8 { 16 } else { 8 })
    }

    fn stream(&self) -> Vec<u8> {
        let components = self.samples.len() as u8;
        let mut out = vec![0xff, 0xd8, 0xff, 0xf7, 0, 8 + 3 * components, self.precision];
        out.extend([self.rows.to_be_bytes(), self.columns.to_be_bytes()].concat());
        out.push(components);
        out.extend((0..components).flat_map(|name| [name + 7, 0x11, 0]));
        let Preset { highest, thresholds: [one, two, three], reset } = self.preset;
        out.extend([0xff, 0xf8, 0, 13, 1]);
        out.extend([highest, one, two, three, reset].iter().flat_map(|number| number.to_be_bytes()));
        out.extend([0xff, 0xdd, 0, 5, 0]);
        out.extend(self.restart.to_be_bytes());
        for (components, by_pixel) in &self.scans {
            let count = components.len() as u8;
            out.extend([0xff, 0xff, 0xda, 0, 6 + 2 * count, count]);
            out.extend(components.iter().flat_map(|name| [*name as u8 + 7, 0]));
            out.extend([self.near, if count == 1 { 0 } else { 1 + u8::from(*by_pixel) }, 0]);
            self.scan(components, *by_pixel, &mut out);
        }
        out.extend([0xff, 0xd9]);
        out
    }

    fn scan(&self, components: &[usize], by_pixel: bool, out: &mut Vec<u8>) {
        let coding = Coding::new(self.precision, self.near, &self.preset).unwrap();
        let width = usize::from(self.columns);
        let lines: Vec<usize> = (0..usize::from(self.rows)).collect();
        let parts = lines.chunks(if self.restart == 0 { lines.len() } else { self.restart.into() });
        for (number, part) in parts.enumerate() {
            if number > 0 {
                out.extend([0xff, 0xd0 + (number as u8 - 1) % 8]);
            }
            let mut encoder = Encoder::new(coding, width, components.len());
            for row in part {
                let line = |one: &usize| &self.samples[*one][row * width..(row + 1) * width];
                let lines: Vec<&[u16]> = components.iter().map(line).collect();
                if by_pixel { encoder.pixels(&lines) } else { encoder.lines(&lines) }
            }
            out.extend(encoder.end());
        }
    }
}

/// Images of few and of many values, of every depth, in every order.
fn made() -> impl Strategy<Value = Made> {
    let orders = prop::sample::select(vec![
        vec![(vec![0], false)],
        vec![(vec![0], false), (vec![2], false), (vec![1], false)],
        vec![(vec![0, 1, 2], false)],
        vec![(vec![0, 1, 2], true)],
        vec![(vec![1], false), (vec![2, 0], true)],
    ]);
    let size = (1_u16..24, 1_u16..24, 2_u8..=16, 0_u8..6);
    let numbers = (any::<bool>(), prop::array::uniform3(0_u16..400), prop::sample::select(vec![0, 3, 5, 64, 255]));
    (size, numbers, 0_u16..4, orders, 0_u16..16).prop_flat_map(|(size, numbers, restart, scans, noise)| {
        let ((rows, columns, precision, near), (own, mut thresholds, reset)) = (size, numbers);
        let highest = ((1_u32 << precision) - 1) as u16;
        let near = near.min((highest / 2).min(255) as u8);
        thresholds.sort_unstable();
        let thresholds = thresholds.map(|one| one.clamp(u16::from(near) + 1, highest));
        let preset = Preset { highest: 0, thresholds: if own { thresholds } else { [0; 3] }, reset };
        let length = usize::from(rows) * usize::from(columns);
        let components = scans.iter().map(|(components, _)| components.len()).sum::<usize>();
        let most = highest >> noise.min(precision.into());
        let sample = prop_oneof![8 => Just(0), 4 => 0..=most, 1 => 0..=highest];
        prop::collection::vec(prop::collection::vec(sample, length), components).prop_map(move |samples| Made {
            rows,
            columns,
            precision,
            near,
            preset,
            restart,
            scans: scans.clone(),
            samples,
        })
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(made in made()) {
        let image = made.image();
        let Decoded { bytes, precision } = decode(&image, &made.stream()).unwrap();
        prop_assert_eq!(precision, made.precision);
        let width = usize::from(image.allocated / 8);
        let read: Vec<u16> = match width {
            1 => bytes.iter().map(|byte| u16::from(*byte)).collect(),
            _ => bytes.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect(),
        };
        for (number, samples) in made.samples.iter().enumerate() {
            let read = read.iter().skip(number).step_by(made.samples.len());
            prop_assert_eq!(read.len(), samples.len());
            prop_assert!(read.zip(samples).all(|(read, sample)| read.abs_diff(*sample) <= u16::from(made.near)));
        }
    }

    #[test]
    fn whatever_is_damaged_is_read_to_an_end(
        made in made(), at in any::<prop::sample::Index>(), new in prop::collection::vec(any::<u8>(), 0..6),
        length in 0_usize..6,
    ) {
        let mut stream = made.stream();
        let from = at.index(stream.len());
        let until = (from + length).min(stream.len());
        stream.splice(from..until, new);
        if let Ok(Decoded { bytes, .. }) = decode(&made.image(), &stream) {
            prop_assert_eq!(bytes.len() as u64, made.image().frame_bytes());
        }
        let _ = decode(&made.image(), &stream[..from]);
    }

    #[test]
    fn any_bits_are_read_to_an_end(bits in prop::collection::vec(any::<u8>(), 0..200), near in 0_u8..128) {
        for samples in [1, 3] {
            let made = Made {
                rows: 300, columns: 200, precision: 8, near, preset: Preset::default(), restart: 7, scans: Vec::new(),
                samples: vec![Vec::new(); samples],
            };
            let mut stream = made.stream();
            stream.truncate(stream.len() - 2);
            stream.extend([0xff, 0xda, 0, 6 + 2 * samples as u8, samples as u8]);
            stream.extend((0..samples).flat_map(|name| [name as u8 + 7, 0]));
            stream.extend([near, if samples == 1 { 0 } else { 2 }, 0]);
            stream.extend(&bits);
            let _ = decode(&made.image(), &stream);
            let _ = decode(&made.image(), &bits);
        }
    }
}

//! Markers and their segments (C.1, C.2).

use super::coding::Preset;
use super::fault::Fault;
use crate::dicom::cursor::Cursor;

/// Components that an image has at most.
pub(super) const COMPONENTS: usize = 4;

/// What SOF says (C.2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) precision: u8,
    pub(super) rows: u16,
    pub(super) columns: u16,
    /// What components are called.
    pub(super) components: Vec<u8>,
}

/// What SOS says (C.2.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ScanHeader {
    pub(super) components: Vec<u8>,
    pub(super) near: u8,
    /// Components stand beside each other in each pixel, else in each line.
    pub(super) by_pixel: bool,
}

/// What matters to decoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Header(Header),
    Preset(Preset),
    /// So many lines are between two restarts (DRI).
    Restart(u32),
    /// Its bits follow.
    Scan(ScanHeader),
    /// EOI.
    End,
}

/// Reads markers.
pub(super) struct Markers<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Markers<'a> {
    /// Behind SOI.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, Fault> {
        let stream = bytes.strip_prefix(&[0xff, 0xd8]).ok_or(Fault::None)?;
        Ok(Self { cursor: Cursor::new(stream) })
    }

    /// What comes next; behind a scan this is its bits.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.cursor.rest()
    }

    /// Goes on here.
    pub(super) const fn resume(&mut self, rest: &'a [u8]) {
        self.cursor = Cursor::new(rest);
    }

    /// The next segment that matters.
    pub(super) fn next(&mut self) -> Result<Segment, Fault> {
        loop {
            let marker = self.marker()?;
            if marker == 0xd9 {
                return Ok(Segment::End);
            }
            if matches!(marker, 0xff | 0x00..=0x01 | 0xd0..=0xd8) {
                return Err(Fault::Damaged);
            }
            let length = self.cursor.u16_be().ok_or(Fault::Cut)?;
            let length = usize::from(length).checked_sub(2).ok_or(Fault::Damaged)?;
            let mut segment = Cursor::new(self.cursor.take(length).ok_or(Fault::Cut)?);
            match marker {
                0xf7 => return header(&mut segment).map(Segment::Header),
                0xf8 => return preset(&mut segment).map(Segment::Preset),
                0xda => return scan(&mut segment).map(Segment::Scan),
                0xdd => return restart(&mut segment).map(Segment::Restart),
                // Any other JPEG, and a number of lines that is told behind them.
                0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => return Err(Fault::None),
                0xdc => return Err(Fault::Unused("a number of lines behind them")),
                0xe8 if matches!(segment.rest(), [b'm', b'r', b'f', b'x', transform, ..] if *transform > 0) => {
                    return Err(Fault::Unused("colours that are transformed"));
                }
                _ => {}
            }
        }
    }

    /// A restart, which has this number (of eight).
    pub(super) fn restarted(&mut self, number: u8) -> Result<(), Fault> {
        if self.marker()? == 0xd0 | number { Ok(()) } else { Err(Fault::Damaged) }
    }

    fn marker(&mut self) -> Result<u8, Fault> {
        let [0xff, mut marker] = self.cursor.array().ok_or(Fault::Cut)? else { return Err(Fault::Damaged) };
        // Fill bytes.
        while marker == 0xff {
            marker = self.cursor.u8().ok_or(Fault::Cut)?;
        }
        Ok(marker)
    }
}

fn header(segment: &mut Cursor<'_>) -> Result<Header, Fault> {
    let precision = segment.u8().ok_or(Fault::Damaged)?;
    let (rows, columns) = (segment.u16_be().ok_or(Fault::Damaged)?, segment.u16_be().ok_or(Fault::Damaged)?);
    let mut components = Vec::with_capacity(COMPONENTS);
    for _ in 0..segment.u8().ok_or(Fault::Damaged)? {
        let [name, sampling, _] = segment.array().ok_or(Fault::Damaged)?;
        if sampling != 0x11 {
            return Err(Fault::Unused("components of another size"));
        }
        if components.contains(&name) || components.len() == COMPONENTS {
            return Err(Fault::Damaged);
        }
        components.push(name);
    }
    Ok(Header { precision, rows, columns, components })
}

/// LSE (C.2.4).
fn preset(segment: &mut Cursor<'_>) -> Result<Preset, Fault> {
    match segment.u8().ok_or(Fault::Damaged)? {
        1 => {
            let mut number = || segment.u16_be().ok_or(Fault::Damaged);
            Ok(Preset { highest: number()?, thresholds: [number()?, number()?, number()?], reset: number()? })
        }
        2 | 3 => Err(Fault::Unused("tables that map samples")),
        4 => Err(Fault::Unused("more than 65535 rows or columns")),
        _ => Err(Fault::Unused("extensions")),
    }
}

fn scan(segment: &mut Cursor<'_>) -> Result<ScanHeader, Fault> {
    let count = segment.u8().ok_or(Fault::Damaged)?;
    let mut components = Vec::with_capacity(COMPONENTS);
    for _ in 0..count {
        let [name, table] = segment.array().ok_or(Fault::Damaged)?;
        if table != 0 {
            return Err(Fault::Unused("tables that map samples"));
        }
        if components.contains(&name) || components.len() == COMPONENTS {
            return Err(Fault::Damaged);
        }
        components.push(name);
    }
    let [near, interleave, transform] = segment.array().ok_or(Fault::Damaged)?;
    if transform != 0 {
        return Err(Fault::Unused("a point transform"));
    }
    if components.is_empty() || interleave > 2 || interleave == 0 && components.len() > 1 {
        return Err(Fault::Damaged);
    }
    // Of one component there is nothing that could stand beside it.
    Ok(ScanHeader { by_pixel: interleave == 2 && components.len() > 1, components, near })
}

/// DRI, whose number may have two bytes or more (C.2.5).
fn restart(segment: &mut Cursor<'_>) -> Result<u32, Fault> {
    let number = segment.rest();
    if !(2..=4).contains(&number.len()) {
        return Err(Fault::Damaged);
    }
    Ok(number.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
}

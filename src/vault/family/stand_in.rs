//! What stands inside sequences in the place of sealed values, so that items keep what they have to have: the least that is
//! consistent with itself. One sample of silence, one point, one vector of zero.

use crate::dicom::Tag;

/// Channels of a multiplex group, and bytes of a sample, up to which a stand-in is made.
const MOST_CHANNELS: u32 = 1 << 16;
const MOST_BYTES: u32 = 8;

/// The value in the place of a nested element, little endian, without padding; `None`: nothing stands there.
pub(super) fn of(tag: Tag, sibling: &dyn Fn(Tag) -> Option<u32>) -> Option<Vec<u8>> {
    Some(match tag {
        Tag(0x003a, 0x0010) | Tag(0x0022, 0x1530) | Tag(0x0066, 0x0015 | 0x001e) | Tag(0x006a, 0x000c) => long(&[1]),
        // A pixel and where it is in space.
        Tag(0x0022, 0x1531) => zeros(5 * 4),
        // Two entries, from zero, of 16 bits; all but zero is white.
        Tag(0x0028, 0x1101..=0x1104 | 0x3002) => short(&[2, 0, 16]),
        Tag(0x0028, 0x1201..=0x1204 | 0x3006) => short(&[0, 0xffff]),
        // One discrete segment of these two (PS3.3 C.7.9.2).
        Tag(0x0028, 0x1221..=0x1224) => short(&[0, 2, 0, 0xffff]),
        Tag(0x0064, 0x0007) => long(&[1, 1, 1]),
        Tag(0x0064, 0x0009) | Tag(0x0066, 0x0016) => zeros(3 * 4),
        Tag(0x0066, 0x0021) => zeros(sibling(Tag(0x0066, 0x001f)).unwrap_or(3).min(MOST_CHANNELS) * 4),
        Tag(0x0066, 0x0022) => zeros(3 * 8),
        Tag(0x0066, 0x0023 | 0x0029) => short(&[1, 1, 1]),
        Tag(0x0066, 0x0024) => short(&[1, 1]),
        Tag(0x0066, 0x0025) => short(&[1]),
        Tag(0x0066, 0x0040 | 0x0041) => long(&[1, 1, 1]),
        Tag(0x0066, 0x0042) => long(&[1, 1]),
        Tag(0x0066, 0x0043 | 0x0129) | Tag(0x006a, 0x0011) => long(&[1]),
        Tag(0x0066, 0x0103) => zeros(3 * 2),
        Tag(0x0066, 0x0125) => zeros(4),
        Tag(0x5400, 0x1010) => {
            let channels = sibling(Tag(0x003a, 0x0005)).unwrap_or(1).clamp(1, MOST_CHANNELS);
            let bytes = sibling(Tag(0x5400, 0x1004)).unwrap_or(16).div_ceil(8).clamp(1, MOST_BYTES);
            zeros(channels * bytes)
        }
        _ => return None,
    })
}

fn zeros(length: u32) -> Vec<u8> {
    vec![0; usize::try_from(length).unwrap_or_default()]
}

fn short(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn long(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

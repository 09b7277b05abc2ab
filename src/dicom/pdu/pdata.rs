//! P-DATA-TF (PS3.8 9.3.5) as it is written; it is read by [`Framer`](super::Framer).

/// Bytes of a PDV head: length, context id, message control header.
pub const PDV_HEAD: usize = 6;

/// What "no limit" means when this program cuts a message itself: PDUs of 64 KiB.
pub const UNLIMITED: u32 = 65_536;

/// The message control header (annex E.2).
pub const fn control_header(command: bool, last: bool) -> u8 {
    (command as u8) | ((last as u8) << 1)
}

/// The twelve bytes before `payload` bytes that travel as one PDV in one PDU. `None` if the lengths do not fit 32 bits.
pub fn header(context: u8, command: bool, last: bool, payload: usize) -> Option<[u8; 12]> {
    let length = u32::try_from(payload).ok()?.checked_add(2)?;
    let pdu = length.checked_add(4)?;
    let [a, b, c, d] = pdu.to_be_bytes();
    let [e, f, g, h] = length.to_be_bytes();
    Some([4, 0, a, b, c, d, e, f, g, h, context, control_header(command, last)])
}

/// A whole message as P-DATA-TF PDUs: the command, then the data set if there is one; one PDV a PDU, every fragment
/// but the last of even length. `max_pdu` is the receiver's 51H; 0 = no limit, see [`UNLIMITED`]. A limit below 8
/// leaves no room for two bytes and is taken as 8: negotiation lets none so small through.
pub fn write_message(context: u8, command: &[u8], data: Option<&[u8]>, max_pdu: u32) -> Vec<u8> {
    let mut out = Vec::new();
    append_message(&mut out, context, command, data, max_pdu);
    out
}

/// As [`write_message`], behind what is there already.
pub fn append_message(out: &mut Vec<u8>, context: u8, command: &[u8], data: Option<&[u8]>, max_pdu: u32) {
    let max = if max_pdu == 0 { UNLIMITED } else { max_pdu.max(8) };
    let room = usize::try_from(max).unwrap_or(usize::MAX).saturating_sub(PDV_HEAD) & !1;
    let length = command.len() + data.map_or(0, <[u8]>::len);
    out.reserve(length + (length / room + 2) * 12);
    write_part(out, context, true, command, room);
    if let Some(data) = data {
        write_part(out, context, false, data, room);
    }
}

/// One command or data set. An empty one is one empty fragment, so that its end is seen.
fn write_part(out: &mut Vec<u8>, context: u8, command: bool, part: &[u8], room: usize) {
    let mut rest = part;
    loop {
        let (fragment, behind) = rest.split_at_checked(room).unwrap_or((rest, &[]));
        // `room` comes from 32 bits and includes the heads, so the header always fits.
        if let Some(header) = header(context, command, behind.is_empty(), fragment.len()) {
            out.extend_from_slice(&header);
            out.extend_from_slice(fragment);
        }
        if behind.is_empty() {
            return;
        }
        rest = behind;
    }
}

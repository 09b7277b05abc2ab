//! P-DATA-TF (PS3.8 9.3.5) as it is written; it is read by [`Framer`](super::Framer).

/// Bytes of a PDV head: length, context id, message control header.
pub const PDV_HEAD: usize = 6;

/// The twelve bytes before `payload` bytes that travel as one PDV in one PDU. `None` if the lengths do not fit 32 bits.
pub fn header(context: u8, command: bool, last: bool, payload: usize) -> Option<[u8; 12]> {
    let length = u32::try_from(payload).ok()?.checked_add(2)?;
    let pdu = length.checked_add(4)?;
    let [a, b, c, d] = pdu.to_be_bytes();
    let [e, f, g, h] = length.to_be_bytes();
    Some([4, 0, a, b, c, d, e, f, g, h, context, u8::from(command) | u8::from(last) << 1])
}

/// A whole message as P-DATA-TF PDUs, one PDV a PDU, fragments of even length. `max_pdu` is the receiver's 51H; 0 = no
/// limit, which here means PDUs of 64 KiB. A limit below 8 leaves no room for two bytes and is taken as 8.
pub fn write_message(_context: u8, _command: &[u8], _data: Option<&[u8]>, _max_pdu: u32) -> Vec<u8> {
    Vec::new()
}

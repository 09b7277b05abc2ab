//! Sealing: the payload comes in pieces of any size, sealed segments go out.

use super::cms::{Frame, MOST_RECIPIENTS, Recipient, write};
use super::escrow::Escrow;
use super::segment::SegmentHeader;
use super::suite::segment_key::SegmentKey;
use super::suite::wrap::{WRAPPED, wrap};
use super::suite::{NoRandom, Random, Refused, sha256};
use super::{Identity, KeyId, KeyRing, RingKey, SealId};
use bytes::Bytes;
use std::sync::Arc;

/// The least length of a segment's plaintext that is accepted, header included, in bytes.
pub const LEAST_SEGMENT: u32 = 64 * 1024;
/// The greatest.
pub const GREATEST_SEGMENT: u32 = 8 * 1024 * 1024;

/// What sealing needs, one for all seals of a configuration.
#[derive(Debug)]
pub struct SealContext {
    /// The newest key of the ring wraps every content key.
    pub ring: Arc<KeyRing>,
    /// Each of these opens every segment too.
    pub escrow: Arc<[Escrow]>,
    /// Where seal ids, content keys, nonces and ephemeral keys come from.
    pub random: Arc<dyn Random>,
    /// Plaintext of one segment in bytes, header included; brought into 64 KiB..8 MiB.
    pub segment: u32,
}

/// Why nothing can be sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealFault {
    /// The ring is empty.
    #[error("the key ring is empty: `dicomgate vault new-key` makes a key")]
    NoKey,
    /// No random numbers.
    #[error(transparent)]
    Random(#[from] NoRandom),
    /// More certificates than a segment has room for.
    #[error("{0} escrow certificates are more than the 15 that a segment has room for")]
    Certificates(usize),
    /// The same certificate twice, or two of the same key.
    #[error("two escrow certificates are the same, or have the same key: {0}")]
    Twice(String),
    /// The library refuses to encrypt.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// More segments than their numbers have room for.
    #[error("an object of so many segments cannot be sealed")]
    TooLong,
}

/// What a buffer begins with; it doubles up to a whole segment, so that small objects stay small.
const FIRST_ROOM: usize = 8 * 1024;

/// Seals one object. The payload is copied once, into the segment that goes out; everything else happens there.
pub struct Sealer {
    context: Arc<SealContext>,
    key: RingKey,
    /// Of the segment that is being filled.
    header: SegmentHeader,
    header_length: usize,
    recipients_length: usize,
    /// Room before the plaintext, enough for what stands around any segment.
    headroom: usize,
    /// Payload of a full segment, in bytes.
    capacity: usize,
    /// Headroom, header, payload.
    buffer: Vec<u8>,
}

impl Sealer {
    /// Begins a seal with a new random id.
    ///
    /// # Errors
    /// The ring is empty, there are no random numbers, or the escrow certificates cannot stand beside each other.
    pub fn new(context: Arc<SealContext>, identity: &Identity, character_set: &[u8]) -> Result<Self, SealFault> {
        let key = context.ring.newest().ok_or(SealFault::NoKey)?.clone();
        check(&context.escrow)?;
        let mut id = [0; 16];
        context.random.fill(&mut id)?;
        let header = SegmentHeader::new(SealId(id), identity, character_set);
        let header_length = header.length_in_seal();
        let ring = Recipient::Ring { key: key.id, wrapped: &[0; WRAPPED] }.encode().len();
        let escrow: usize = context.escrow.iter().map(Escrow::recipient_length).sum();
        let recipients_length = write::recipients_length(ring + escrow);
        let segment = context.segment.clamp(LEAST_SEGMENT, GREATEST_SEGMENT) as usize;
        let headroom = Frame::new(recipients_length, segment).prefix_length();
        let capacity = segment - header_length;
        let mut sealer =
            Self { context, key, header, header_length, recipients_length, headroom, capacity, buffer: Vec::new() };
        sealer.renew(FIRST_ROOM);
        Ok(sealer)
    }

    /// Identity of this seal.
    pub const fn id(&self) -> SealId {
        self.header.seal
    }

    /// The ring key that it is sealed with.
    pub const fn key(&self) -> KeyId {
        self.key.id
    }

    /// Whose object it seals ([`SegmentHeader::whose`]).
    pub fn whose(&self) -> [u8; 16] {
        self.header.whose()
    }

    /// How many segments a payload of this length makes; at least one.
    pub const fn segments(&self, payload: u64) -> u64 {
        let full = payload.div_ceil(self.capacity as u64);
        if full == 0 { 1 } else { full }
    }

    /// The length of all segments together, in bytes, for a payload of this length: exact, known before the first byte.
    pub const fn sealed_length(&self, payload: u64) -> u64 {
        let full = self.segments(payload) - 1;
        let rest = payload - full * self.capacity as u64;
        full * self.object(self.capacity) + self.object(rest as usize)
    }

    /// Length of the segment with this much payload.
    const fn object(&self, payload: usize) -> u64 {
        Frame::new(self.recipients_length, self.header_length + payload).length() as u64
    }

    /// At least so many bytes of the payload are going to come: room for them is made at once, up to a whole segment, rather
    /// than by copying what is there again and again.
    pub fn expect(&mut self, bytes: u64) {
        self.grow(usize::try_from(bytes).unwrap_or(usize::MAX).min(self.room()));
    }

    /// Takes the next bytes of the payload; segments that became full are appended to `out`, one `Bytes` each.
    ///
    /// # Errors
    /// No random numbers; the seal is then worthless.
    pub fn push(&mut self, mut payload: &[u8], out: &mut Vec<Bytes>) -> Result<(), SealFault> {
        while !payload.is_empty() {
            let mut room = self.room();
            // Not before it is known that something follows: the last segment says that it is.
            if room == 0 {
                self.emit(false, out)?;
                room = self.room();
            }
            let (now, later) = payload.split_at(room.min(payload.len()));
            self.grow(now.len());
            self.buffer.extend_from_slice(now);
            payload = later;
        }
        Ok(())
    }

    /// The payload is over: the last segment is appended.
    ///
    /// # Errors
    /// As of [`Self::push`].
    pub fn finish(mut self, out: &mut Vec<Bytes>) -> Result<(), SealFault> {
        self.emit(true, out)
    }

    const fn payload_start(&self) -> usize {
        self.headroom + self.header_length
    }

    /// How much payload the segment still takes.
    const fn room(&self) -> usize {
        self.payload_start() + self.capacity - self.buffer.len()
    }

    /// A full buffer: with the tag behind it, so that nothing moves once it is filled.
    const fn full(&self) -> usize {
        self.payload_start() + self.capacity + write::SUFFIX
    }

    fn renew(&mut self, room: usize) {
        self.buffer = Vec::with_capacity((self.payload_start() + room).min(self.full()));
        self.buffer.resize(self.payload_start(), 0);
    }

    fn grow(&mut self, by: usize) {
        let needed = self.buffer.len() + by + write::SUFFIX;
        if needed > self.buffer.capacity() {
            let room = needed.max(2 * self.buffer.capacity()).min(self.full());
            self.buffer.reserve_exact(room.saturating_sub(self.buffer.len()));
        }
    }

    /// Encrypts what is gathered, in place, and begins the next segment.
    fn emit(&mut self, last: bool, out: &mut Vec<Bytes>) -> Result<(), SealFault> {
        let key = SegmentKey::generate(&*self.context.random)?;
        let wrapped = wrap(&self.key.key, key.key())?;
        let mut each = vec![Recipient::Ring { key: self.key.id, wrapped: &wrapped }.encode()];
        for escrow in &*self.context.escrow {
            each.push(escrow.recipient(key.key(), &*self.context.random)?);
        }
        let recipients = write::recipients(each);
        self.header.last = last;
        self.header.recipients = sha256(&recipients);
        let header = self.header.write(self.header_length);
        let mut object = std::mem::take(&mut self.buffer);
        let content = object.len() - self.headroom;
        let prefix = Frame::new(recipients.len(), content).prefix(&recipients, &key.nonce());
        let start = self.headroom.checked_sub(prefix.len()).ok_or(Refused)?;
        put(&mut object, start, &prefix)?;
        put(&mut object, self.headroom, &header)?;
        let tag = key.seal(object.get_mut(self.headroom..).ok_or(Refused)?)?;
        object.extend_from_slice(&write::suffix(tag));
        out.push(Bytes::from(object).split_off(start));
        if !last {
            self.header.segment = self.header.segment.checked_add(1).ok_or(SealFault::TooLong)?;
            self.renew(self.capacity);
        }
        Ok(())
    }
}

fn put(object: &mut [u8], at: usize, bytes: &[u8]) -> Result<(), Refused> {
    let place = at.checked_add(bytes.len()).and_then(|end| object.get_mut(at..end)).ok_or(Refused)?;
    place.copy_from_slice(bytes);
    Ok(())
}

/// Certificates that can stand beside each other in one segment.
fn check(escrow: &[Escrow]) -> Result<(), SealFault> {
    if escrow.len() >= MOST_RECIPIENTS {
        return Err(SealFault::Certificates(escrow.len()));
    }
    let mut rest = escrow;
    while let [first, others @ ..] = rest {
        if others.iter().any(|other| other.same_recipient(first)) {
            return Err(SealFault::Twice(first.describe().to_owned()));
        }
        rest = others;
    }
    Ok(())
}

/// May hold what a patient's image is made of.
impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").field("id", &self.id()).field("key", &self.key.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

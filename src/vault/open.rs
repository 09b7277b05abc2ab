//! Opening: sealed segments come in pieces of any size, the payload goes out, each part after its segment was authenticated.

use super::cms::{CmsFault, Envelope, total_length};
use super::escrow::EscrowKey;
use super::segment::{HeaderFault, SegmentHeader};
use super::suite::{Key256, segment_key, wrap::unwrap};
use super::{KeyId, KeyRing};
use bytes::Bytes;
use std::sync::Arc;

/// What segments are opened with.
#[derive(Debug, Clone)]
pub enum Unlock {
    /// The ring: what opens was sealed with the ring's key, by the gateway or by who holds an escrow key of that very seal
    /// (docs/recovery.md).
    Ring(Arc<KeyRing>),
    /// An escrow key: anybody could have made what opens, since the certificate is public. It proves no origin.
    Escrow(Arc<EscrowKey>),
}

impl From<Arc<KeyRing>> for Unlock {
    fn from(ring: Arc<KeyRing>) -> Self {
        Self::Ring(ring)
    }
}

impl From<Arc<EscrowKey>> for Unlock {
    fn from(key: Arc<EscrowKey>) -> Self {
        Self::Escrow(key)
    }
}

/// Why a seal does not open. Segments count from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenFault {
    /// Not what format 1 writes.
    #[error("segment {segment} is not of sealed format 1: {fault}")]
    Foreign {
        /// Which segment.
        segment: u32,
        /// What is not as it must be.
        fault: CmsFault,
    },
    /// A ring key that is not at hand.
    #[error("sealed with ring key {0}, which is not in the ring")]
    UnknownKey(KeyId),
    /// No recipient that the ring could open: who has an escrow certificate can make such a thing.
    #[error("segment {0} has no recipient of the key ring: it proves no origin")]
    NoRing(u32),
    /// None of its recipients has this escrow key.
    #[error("segment {0} is sealed for no such escrow key")]
    NotForKey(u32),
    /// A bit differs from what was sealed.
    #[error("segment {0} was changed after it was sealed, or its key is not the one of that number")]
    Tampered(u32),
    /// Authentic, but its header is not of format 1.
    #[error("segment {segment} is authentic, but {fault}")]
    Header {
        /// Which segment.
        segment: u32,
        /// What is wrong.
        fault: HeaderFault,
    },
    /// Authentic, but of another seal, object or ring key than the first segment.
    #[error("segment {0} belongs to another seal")]
    OtherSeal(u32),
    /// One or more segments are not there.
    #[error("segment {expected} is missing: segment {found} stands in its place")]
    Missing {
        /// What should come.
        expected: u32,
        /// What came.
        found: u32,
    },
    /// A segment comes again, or too late.
    #[error("segment {found} comes again where segment {expected} should be")]
    Reordered {
        /// What should come.
        expected: u32,
        /// What came.
        found: u32,
    },
    /// Something else than zero bytes follows the last segment.
    #[error("something follows the last segment")]
    AfterLast,
    /// A recipient was taken away, added or exchanged.
    #[error("the recipients of segment {0} are not those that it was sealed for: escrow may have been stripped")]
    Recipients(u32),
    /// It ends too early.
    #[error("it ends within segment {0} or before the last segment")]
    Truncated(u32),
    /// After a fault.
    #[error("nothing more is opened after a fault")]
    Over,
}

impl OpenFault {
    /// One word for alerts and metrics.
    pub const fn cause(&self) -> &'static str {
        match self {
            Self::Foreign { .. } => "foreign",
            Self::UnknownKey(_) => "unknown-key",
            Self::NoRing(_) => "no-origin",
            Self::NotForKey(_) => "not-for-key",
            Self::Tampered(_) | Self::Header { .. } | Self::Over => "tampered",
            Self::OtherSeal(_) => "other-seal",
            Self::Missing { .. } => "missing",
            Self::Reordered { .. } => "reordered",
            Self::AfterLast => "trailing",
            Self::Recipients(_) => "escrow-stripped",
            Self::Truncated(_) => "truncated",
        }
    }
}

/// Opens one seal. Holds one segment at a time: at most 8 MiB and what stands around it.
pub struct Opener {
    unlock: Unlock,
    /// Of the segment that was opened last.
    header: Option<SegmentHeader>,
    key: Option<KeyId>,
    /// The number that the next segment must have.
    next: u32,
    /// The beginning of the next segment, and how long it is going to be.
    buffer: Vec<u8>,
    length: Option<usize>,
    /// A 00H may come: the segment before it has an odd length.
    padding: bool,
    whole: bool,
    over: bool,
}

impl Opener {
    /// Before the first byte.
    pub fn new(unlock: impl Into<Unlock>) -> Self {
        Self {
            unlock: unlock.into(),
            header: None,
            key: None,
            next: 0,
            buffer: Vec::new(),
            length: None,
            padding: false,
            whole: false,
            over: false,
        }
    }

    /// Takes the next bytes of the segments. Parts of the payload, each authenticated, are appended to `out`. One 00H
    /// behind a segment of odd length is padding (PS3.5 7.1.1).
    ///
    /// # Errors
    /// The first fault; nothing of the segment with the fault comes out, and nothing after it.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<Bytes>) -> Result<(), OpenFault> {
        if self.over {
            return Err(OpenFault::Over);
        }
        let outcome = self.take(bytes, out);
        if outcome.is_err() {
            self.over = true;
            self.buffer = Vec::new();
        }
        outcome
    }

    /// The header of the segment that was opened last; `None` before the first.
    pub const fn header(&self) -> Option<&SegmentHeader> {
        self.header.as_ref()
    }

    /// The ring key that it is sealed with; `None` before the first segment is opened, and where that has none.
    pub const fn key(&self) -> Option<KeyId> {
        self.key
    }

    /// How many segments are open.
    pub const fn segments(&self) -> u32 {
        self.next
    }

    /// How many bytes of the segment that is coming are still to come; 0: its length is not known yet, or none is coming.
    pub fn missing(&self) -> usize {
        self.length.map_or(0, |length| length.saturating_sub(self.buffer.len()))
    }

    /// Whether the last segment is open.
    pub const fn is_whole(&self) -> bool {
        self.whole && !self.over
    }

    /// All bytes are in.
    ///
    /// # Errors
    /// The last segment did not come, or a fault came before.
    pub fn finish(&mut self) -> Result<(), OpenFault> {
        if std::mem::replace(&mut self.over, true) {
            return Err(OpenFault::Over);
        }
        if self.whole { Ok(()) } else { Err(OpenFault::Truncated(self.next)) }
    }

    fn take(&mut self, mut bytes: &[u8], out: &mut Vec<Bytes>) -> Result<(), OpenFault> {
        while let [first, rest @ ..] = bytes {
            if *first == 0 && std::mem::take(&mut self.padding) {
                bytes = rest;
                continue;
            }
            self.padding = false;
            if self.whole {
                // Room that was left for what might have stood behind the pixels, and did not.
                let room = bytes.iter().all(|byte| *byte == 0);
                return if room { Ok(()) } else { Err(OpenFault::AfterLast) };
            }
            let Some(length) = self.length else {
                self.buffer.push(*first);
                bytes = rest;
                self.length = total_length(&self.buffer).map_err(|fault| self.foreign(fault))?;
                if let Some(length) = self.length {
                    self.buffer.reserve_exact(length.saturating_sub(self.buffer.len()));
                }
                self.complete(out)?;
                continue;
            };
            let missing = length.saturating_sub(self.buffer.len());
            let (now, later) = bytes.split_at(missing.min(bytes.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
            self.complete(out)?;
        }
        Ok(())
    }

    /// Opens the segment if all of it is there.
    fn complete(&mut self, out: &mut Vec<Bytes>) -> Result<(), OpenFault> {
        if self.length != Some(self.buffer.len()) {
            return Ok(());
        }
        self.length = None;
        let mut object = std::mem::take(&mut self.buffer);
        self.padding = !object.len().is_multiple_of(2);
        let (content, recipients, key) = {
            let envelope = Envelope::read(&object).map_err(|fault| self.foreign(fault))?;
            let (content_key, ring_key) = self.unlock(&envelope)?;
            let Envelope { nonce, tag, content, recipients_hash, .. } = envelope;
            let ciphertext = object.get_mut(content.clone()).unwrap_or_default();
            segment_key::open(&content_key, nonce, tag, ciphertext).map_err(|_| OpenFault::Tampered(self.next))?;
            (content, recipients_hash, ring_key)
        };
        let plaintext = object.get(content.clone()).unwrap_or_default();
        let (header, length) =
            SegmentHeader::parse(plaintext).map_err(|fault| OpenFault::Header { segment: self.next, fault })?;
        self.check(&header, &recipients, key)?;
        self.whole = header.last;
        self.next = self.next.saturating_add(1);
        self.header = Some(header);
        self.key = key;
        let payload = Bytes::from(object).slice(content.start + length..content.end);
        if !payload.is_empty() {
            out.push(payload);
        }
        Ok(())
    }

    /// The content key, and the ring key that the segment names.
    fn unlock(&self, envelope: &Envelope<'_>) -> Result<(Key256, Option<KeyId>), OpenFault> {
        let ring = envelope.ring();
        match &self.unlock {
            Unlock::Ring(keys) => {
                let (id, wrapped) = ring.ok_or(OpenFault::NoRing(self.next))?;
                let key = keys.get(id).ok_or(OpenFault::UnknownKey(id))?;
                let key = unwrap(&key.key, wrapped).map_err(|_| OpenFault::Tampered(self.next))?;
                Ok((key, Some(id)))
            }
            Unlock::Escrow(key) => {
                let found = envelope.recipients.iter().find_map(|recipient| key.unlock(recipient));
                Ok((found.ok_or(OpenFault::NotForKey(self.next))?, ring.map(|(id, _)| id)))
            }
        }
    }

    /// Whether an authentic segment is the one that must come now.
    fn check(&self, header: &SegmentHeader, recipients: &[u8; 32], key: Option<KeyId>) -> Result<(), OpenFault> {
        let (expected, found) = (self.next, header.segment);
        if header.recipients != *recipients {
            return Err(OpenFault::Recipients(expected));
        }
        if self.header.as_ref().is_some_and(|before| !before.same_seal(header) || self.key != key) {
            return Err(OpenFault::OtherSeal(expected));
        }
        match found.cmp(&expected) {
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => Err(OpenFault::Missing { expected, found }),
            std::cmp::Ordering::Less => Err(OpenFault::Reordered { expected, found }),
        }
    }

    const fn foreign(&self, fault: CmsFault) -> OpenFault {
        OpenFault::Foreign { segment: self.next, fault }
    }
}

/// May hold what a patient's image is made of.
impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opener").field("segments", &self.next).field("whole", &self.whole).finish_non_exhaustive()
    }
}

//! From a byte stream to PDUs: fed with slices, asked for events.

use super::Pdu;
use super::fault::PduFault;
use super::limits::FramerLimits;
use bytes::Bytes;

/// What came out of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A whole PDU other than P-DATA-TF.
    Control {
        /// The PDU.
        pdu: Pdu,
        /// Offset in the slice last fed, right behind the PDU.
        end: usize,
    },
    /// A piece of a presentation data value.
    Fragment(Fragment),
    /// A P-DATA-TF is over.
    PDataEnd {
        /// Offset in the slice last fed, right behind the PDU.
        end: usize,
    },
}

/// A piece of a presentation data value: a slice of what was fed, never a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// Presentation context id, as it came: whether it was accepted is not known here.
    pub context: u8,
    /// Command (true) or data set (false).
    pub command: bool,
    /// Whether this PDV is the last of its command or data set.
    pub last: bool,
    /// Whether this is the first piece of its PDV.
    pub begins: bool,
    /// Whether this is the last piece of its PDV.
    pub ends: bool,
    /// The payload; empty only when the whole PDV is.
    pub bytes: Bytes,
}

/// Cuts a byte stream into PDUs (sans-IO).
#[derive(Debug)]
pub struct Framer {
    limits: FramerLimits,
}

impl Framer {
    /// A framer before the first byte.
    pub fn new(limits: FramerLimits) -> Self {
        Self { limits }
    }

    /// Hands in the next bytes of the stream. Drain [`next`](Self::next) before feeding again.
    pub fn feed(&mut self, _input: Bytes) {}

    /// The next event; `None` when more bytes are needed. After a fault: the same fault for ever.
    #[expect(clippy::should_implement_trait, reason = "an iterator of results would not stop at the first fault")]
    pub fn next(&mut self) -> Result<Option<Event>, PduFault> {
        Ok(None)
    }

    /// The longest P-DATA-TF from now on: what was announced as 51H.
    pub fn set_max_pdata(&mut self, max: u32) {
        self.limits.pdata = max;
    }

    /// Whether the stream stands inside a PDU: if it ends now, the PDU was cut off.
    pub fn mid_pdu(&self) -> bool {
        false
    }
}

//! How much of anything a peer may send before it is known.

/// Transfer syntaxes in one presentation context.
pub const TRANSFER_SYNTAXES: usize = 64;

/// Presentation contexts in one association: there are 128 odd ids.
pub const CONTEXTS: usize = 128;

/// Sub-items of the user information item.
pub const USER_ITEMS: usize = 512;

/// Items and sub-items of unknown types that are skipped at the top level of one PDU or in one presentation context.
pub const SKIPPED_ITEMS: usize = 64;

/// Characters of an Implementation Version Name. The standard says 16; devices send more.
pub const VERSION_NAME: usize = 64;

/// What a [`Framer`](super::Framer) takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FramerLimits {
    /// Longest A-ASSOCIATE-RQ or -AC, in bytes behind the 6 byte head. Default 1 MiB.
    pub association_pdu: u32,
    /// Longest P-DATA-TF, in bytes behind the 6 byte head: what was announced as 51H. Taken literally, 0 included
    /// (the gateway never announces "no limit"). Default 131,072.
    pub pdata: u32,
    /// Lets fragments of odd length pass that are not the last of their message (PS3.8 annex E.1 wants even ones). An
    /// odd last fragment always passes here: whether a data set may be odd is for its own walker. Default false.
    pub odd_fragments: bool,
}

impl Default for FramerLimits {
    fn default() -> Self {
        Self { association_pdu: 1 << 20, pdata: 1 << 17, odd_fragments: false }
    }
}

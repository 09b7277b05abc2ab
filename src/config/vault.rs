//! `[vault]` and what of `[[archive]]` belongs to it, as the rest of the house sees it.

use super::pkcs11::TokenUri;
use jiff::Timestamp;
use std::path::PathBuf;
use std::time::Duration;

/// `[vault]`
#[derive(Debug, Clone)]
pub struct Vault {
    /// What is sealed. Policy has been told: [`crate::policy::Permission::seal`] is the whole truth.
    pub seal: SealWhat,
    /// Where the keys of the ring come from.
    pub keys: KeySource,
    /// The folder of the manifest, and of the keys themselves unless they come from the environment.
    pub key_folder: PathBuf,
    /// Certificates (PEM or DER) that can open every seal without the ring; empty only if the file says so.
    pub escrow: Vec<PathBuf>,
    /// Bytes of plaintext in one segment, its header included.
    pub segment: u32,
    /// Objects whose data set is shorter than so many bytes are sealed whole before their first byte goes out.
    pub hold: u64,
    /// What carries seals where the archive does not say otherwise.
    pub carrier: Carrier,
    /// The longest seal, in bytes, that travels as attributes beside an image; longer ones travel as pixels.
    pub attributes_max: u64,
    /// Private values longer than so many bytes are sealed.
    pub private_max: u32,
    /// Private values that stay clear, however long.
    pub private_exempt: Vec<PrivateExempt>,
    /// What becomes of objects that rules seal and that cannot be sealed.
    pub unsealable: Unsealable,
    /// What becomes of objects that rules seal while no good probe result is there for the archive.
    pub unproven: Unproven,
    /// How long objects are looked at before their first byte goes out.
    pub open: OpenHow,
    /// What an opened object that belongs to another patient, study or order than it did means.
    pub identity_drift: IdentityDrift,
    /// Since when everything that the archives get is sealed: what is younger and unsealed is refused.
    pub sealed_since: Option<Timestamp>,
    /// What storage commitment relies on.
    pub commit_trust: CommitTrust,
    /// With [`Verify::Sample`]: one object in so many is read back.
    pub verify_sample: u32,
    /// How long a probe lets the archive have its way with what it stored.
    pub probe_age: Duration,
    /// How old a probe result may become before it is made again.
    pub probe_every: Duration,
    /// Bytes of memory that one decoding worker may take.
    pub decode_memory: u64,
    /// How long one frame may take to decode.
    pub decode_time: Duration,
    /// How long a frame may wait until a decoding worker is free.
    pub decode_wait: Duration,
    /// Decoding workers at once; 0: nothing is decoded.
    pub decode_workers: u32,
}

/// What is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SealWhat {
    /// What is stored by rules with `seal = true`.
    #[default]
    Policy,
    /// Every object that is stored.
    All,
}

/// Where the keys of the ring come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// Key files in the folder.
    Folder,
    /// This environment variable: `1:HEX,2:HEX`.
    Environment(String),
    /// The folder holds them wrapped by a key of a PKCS#11 token.
    Token(Box<TokenUri>),
}

/// What carries a seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Carrier {
    /// Pixel Data, behind a banner.
    #[default]
    Pixels,
    /// Encrypted Attributes Sequence (0400,0500), beside a placeholder.
    Attributes,
}

/// Private values that stay clear.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PrivateExempt {
    /// The private creator (gggg,00xx), without padding.
    pub creator: String,
    /// Group and last two digits of the element; `None`: all of this creator.
    pub element: Option<(u16, u8)>,
}

/// What becomes of objects that rules seal and that cannot be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unsealable {
    /// They are stored in clear.
    #[default]
    Pass,
    /// They are refused.
    Refuse,
}

/// What becomes of objects that rules seal while no good probe result is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unproven {
    /// They are refused.
    #[default]
    Refuse,
    /// They are stored in clear, with a record.
    Pass,
}

/// How long objects are looked at before their first byte goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OpenHow {
    /// Large ones go out segment by segment, each authenticated.
    #[default]
    Stream,
    /// All are verified whole.
    Whole,
}

/// What an opened object that belongs to another patient, study or order than it did means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IdentityDrift {
    /// It opens, with a record: merging and re-assigning are daily work.
    #[default]
    Record,
    /// It is refused.
    Refuse,
}

/// What storage commitment of sealed instances relies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CommitTrust {
    /// That it was read back since it was stored; what was not is read back before its requester is told.
    #[default]
    Verified,
    /// The archive's own word, and that its probe was good.
    Probe,
}

/// What of `[[archive]]` belongs to the vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveVault {
    /// What carries seals there.
    pub carrier: Carrier,
    /// What is read back before success is answered.
    pub verify: Verify,
    /// What becomes of an object that is sent again.
    pub resend: Resend,
    /// `rewrites = ["sop"]`: it gives objects SOP Instance UIDs of its own.
    pub rewrites_sop: bool,
    /// Somebody has said that nobody reads from it but through the gateway.
    pub all_readers_pass: bool,
    /// `vault seal-archive` seals at most so many objects a minute.
    pub seal_rate: u32,
}

impl ArchiveVault {
    /// Objects a minute that `vault seal-archive` seals where nothing is said.
    pub const SEAL_RATE: u32 = 60;

    /// Whether something may be read back from it while its sender waits.
    pub fn reads_back(&self) -> bool {
        self.verify != Verify::None || self.resend == Resend::Compare
    }
}

impl Default for ArchiveVault {
    fn default() -> Self {
        Self {
            carrier: Carrier::default(),
            verify: Verify::default(),
            resend: Resend::default(),
            rewrites_sop: false,
            all_readers_pass: false,
            seal_rate: Self::SEAL_RATE,
        }
    }
}

/// What is read back before success is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verify {
    /// Nothing.
    #[default]
    None,
    /// One object in [`Vault::verify_sample`].
    Sample,
    /// Everything.
    All,
}

/// What becomes of an object that is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Resend {
    /// It is sealed afresh and stored.
    #[default]
    Pass,
    /// It is compared with what the archive has, and not stored again if it is equal.
    Compare,
}

//! The user information item, 50H (PS3.8 9.3.2.3 and annex D, PS3.7 annex D.3.3).

use super::associate::{self, once};
use super::chain::{CHAIN, ChainItem};
use super::fault::{FaultKind, PduFault};
use super::item::{self, Item, Items};
use super::limits;
use super::user_identity::{IdentityAnswer, UserIdentity};
use crate::dicom::cursor::Cursor;
use crate::dicom::uid::Uid;
use bytes::Bytes;
use std::fmt;

/// What stands in the user information item.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserItems {
    /// 51H: longest P-DATA-TF that its sender takes, in bytes behind the head; 0 = no limit.
    pub max_length: u32,
    /// 52H: which program speaks.
    pub implementation_class: Option<Uid>,
    /// 55H: which version of it.
    pub implementation_version: Option<VersionName>,
    /// 53H: operations invoked and performed at a time; 0 = no limit. Absent: 1 and 1.
    pub async_window: Option<(u16, u16)>,
    /// 54H, one a SOP class.
    pub roles: Vec<Role>,
    /// 56H: SOP class, service class application information.
    pub extended: Vec<(Uid, Bytes)>,
    /// 57H, the whole value, as it came.
    pub common_extended: Vec<Bytes>,
    /// 58H (RQ only).
    pub identity: Option<UserIdentity>,
    /// 59H (AC only).
    pub identity_answer: Option<IdentityAnswer>,
    /// D6H (RQ only): the gateway before this one. Never among `unknown`, so whoever passes those on passes this not.
    pub chain: Option<ChainItem>,
    /// Sub-items of other types, as they came.
    pub unknown: Vec<(u8, Bytes)>,
}

/// Whose user information it is: some sub-items may stand on one side only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Requestor,
    Acceptor,
}

const MAX_LENGTH: u8 = 0x51;
const IMPLEMENTATION_CLASS: u8 = 0x52;
const ASYNC_WINDOW: u8 = 0x53;
const ROLE_SELECTION: u8 = 0x54;
const IMPLEMENTATION_VERSION: u8 = 0x55;
const EXTENDED: u8 = 0x56;
const COMMON_EXTENDED: u8 = 0x57;
const USER_IDENTITY: u8 = 0x58;
const IDENTITY_ANSWER: u8 = 0x59;

impl UserItems {
    /// What an acceptor that sends no 51H is taken to accept, in bytes: what the oldest peers can.
    pub const UNSAID_MAX_LENGTH: u32 = 16_384;

    /// Reads the value of a 50H. A requestor has to send 51H. A 52H that is no UID counts as none: nothing
    /// depends on it, and it goes no further. Role selections and extended
    /// negotiations that repeat one for the same SOP class word for word are dropped (common toolkits send one a
    /// context); one that says something else is a fault. A D6H of ours that is malformed, stands twice or comes from an
    /// acceptor counts as none.
    pub(super) fn decode(user: &Item<'_>, side: Side) -> Result<Self, PduFault> {
        let mut items = Items::new(user.value, user.at);
        let (mut read, mut max_length, mut count) = (Self::default(), None, 0_usize);
        let mut chained = 0_usize;
        while let Some(item) = items.next()? {
            count += 1;
            if count > limits::USER_ITEMS {
                return Err(item.fault(FaultKind::Limit, "more user information sub-items than the gateway takes"));
            }
            match (item.kind, side) {
                (MAX_LENGTH, _) => {
                    let mut cursor = Cursor::new(item.value);
                    let length = cursor.u32_be().filter(|_| cursor.is_empty());
                    let length = length.ok_or(item.fault(FaultKind::Length, "a maximum length not of 4 bytes"))?;
                    once(&mut max_length, length, &item, "a maximum length that stands twice")?;
                }
                (IMPLEMENTATION_CLASS, _) => {
                    if let Some(class) = item::uid(item.value) {
                        let what = "an implementation class that stands twice";
                        once(&mut read.implementation_class, class, &item, what)?;
                    }
                }
                (IMPLEMENTATION_VERSION, _) => {
                    let name = VersionName::new(item.value)
                        .ok_or(item.fault(FaultKind::Limit, "an implementation version name that is too long"))?;
                    once(&mut read.implementation_version, name, &item, "an implementation version that stands twice")?;
                }
                (ASYNC_WINDOW, _) => {
                    let mut cursor = Cursor::new(item.value);
                    let window = cursor.u16_be().zip(cursor.u16_be()).filter(|_| cursor.is_empty());
                    let window = window.ok_or(item.fault(FaultKind::Length, "an operations window not of 4 bytes"))?;
                    once(&mut read.async_window, window, &item, "an operations window that stands twice")?;
                }
                (ROLE_SELECTION, _) => read.take_role(&item)?,
                (EXTENDED, _) => read.take_extended(&item)?,
                (COMMON_EXTENDED, _) => read.common_extended.push(Bytes::copy_from_slice(item.value)),
                (USER_IDENTITY, Side::Requestor) => {
                    let identity = UserIdentity::decode(&item)?;
                    once(&mut read.identity, identity, &item, "a user identity that stands twice")?;
                }
                (IDENTITY_ANSWER, Side::Acceptor) => {
                    let mut cursor = Cursor::new(item.value);
                    let cut = item.fault(FaultKind::Length, "an identity answer whose length does not fit");
                    let length = cursor.u16_be().ok_or(cut)?;
                    let bytes = cursor.take(usize::from(length)).filter(|_| cursor.is_empty()).ok_or(cut)?;
                    let answer = IdentityAnswer(Bytes::copy_from_slice(bytes));
                    once(&mut read.identity_answer, answer, &item, "an identity answer that stands twice")?;
                }
                (USER_IDENTITY | IDENTITY_ANSWER, _) => {
                    return Err(item.fault(FaultKind::UnexpectedParameter, "a user identity on the wrong side"));
                }
                (kind, side) if ChainItem::is_ours(kind, item.value) => {
                    chained += 1;
                    let alone = chained == 1 && side == Side::Requestor;
                    read.chain = ChainItem::decode(item.value).filter(|_| alone);
                }
                (kind, _) => read.unknown.push((kind, Bytes::copy_from_slice(item.value))),
            }
        }
        read.max_length = match (max_length, side) {
            (Some(length), _) => length,
            (None, Side::Acceptor) => Self::UNSAID_MAX_LENGTH,
            (None, Side::Requestor) => return Err(user.fault(FaultKind::Missing, "no maximum length")),
        };
        Ok(read)
    }

    fn take_role(&mut self, item: &Item<'_>) -> Result<(), PduFault> {
        let (sop_class, rest) = item.counted_uid("a role selection whose SOP class is no UID")?;
        let &[scu, scp] = rest else {
            return Err(item.fault(FaultKind::Length, "a role selection without its two roles"));
        };
        let role = Role { sop_class, scu: flag(scu, item)?, scp: flag(scp, item)? };
        match self.roles.iter().find(|other| other.sop_class == sop_class) {
            Some(other) if *other == role => {}
            Some(_) => return Err(item.fault(FaultKind::UnexpectedParameter, "two role selections for one SOP class")),
            None => self.roles.push(role),
        }
        Ok(())
    }

    fn take_extended(&mut self, item: &Item<'_>) -> Result<(), PduFault> {
        let (sop_class, information) = item.counted_uid("an extended negotiation whose SOP class is no UID")?;
        match self.extended.iter().find(|(other, _)| *other == sop_class) {
            Some((_, other)) if other == information => {}
            Some(_) => {
                return Err(item.fault(FaultKind::UnexpectedParameter, "two extended negotiations for one SOP class"));
            }
            None => self.extended.push((sop_class, Bytes::copy_from_slice(information))),
        }
        Ok(())
    }

    /// Writes the whole 50H, in order of type. A sub-item that would carry the item over the
    /// 65,535 bytes of its length is left out.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        item::put(out, associate::USER_INFORMATION, |out| {
            let start = out.len();
            let mut put = |kind: u8, fill: &dyn Fn(&mut Vec<u8>)| {
                let before = out.len();
                item::put(out, kind, fill);
                if out.len() - start > usize::from(u16::MAX) {
                    out.truncate(before);
                }
            };
            put(MAX_LENGTH, &|out| out.extend_from_slice(&self.max_length.to_be_bytes()));
            if let Some(class) = &self.implementation_class {
                put(IMPLEMENTATION_CLASS, &|out| out.extend_from_slice(class.as_bytes()));
            }
            if let Some((invoked, performed)) = self.async_window {
                put(ASYNC_WINDOW, &|out| {
                    out.extend_from_slice(&invoked.to_be_bytes());
                    out.extend_from_slice(&performed.to_be_bytes());
                });
            }
            for role in &self.roles {
                put(ROLE_SELECTION, &|out| {
                    item::put_counted_uid(out, &role.sop_class);
                    out.extend_from_slice(&[u8::from(role.scu), u8::from(role.scp)]);
                });
            }
            if let Some(name) = &self.implementation_version {
                put(IMPLEMENTATION_VERSION, &|out| out.extend_from_slice(name.as_bytes()));
            }
            for (sop_class, information) in &self.extended {
                put(EXTENDED, &|out| {
                    item::put_counted_uid(out, sop_class);
                    out.extend_from_slice(information);
                });
            }
            for value in &self.common_extended {
                put(COMMON_EXTENDED, &|out| out.extend_from_slice(value));
            }
            if let Some(identity) = &self.identity {
                put(USER_IDENTITY, &|out| identity.encode(out));
            }
            if let Some(IdentityAnswer(answer)) = &self.identity_answer
                && let Ok(length) = u16::try_from(answer.len())
            {
                put(IDENTITY_ANSWER, &|out| {
                    out.extend_from_slice(&length.to_be_bytes());
                    out.extend_from_slice(answer);
                });
            }
            if let Some(chain) = &self.chain {
                put(CHAIN, &|out| chain.encode(out));
            }
            for (kind, value) in &self.unknown {
                put(*kind, &|out| out.extend_from_slice(value));
            }
        });
    }
}

/// A byte that the standard allows to be 0 or 1, and nothing else: what another value means would be a guess, and the
/// archive might guess differently.
pub(super) fn flag(byte: u8, item: &Item<'_>) -> Result<bool, PduFault> {
    match byte {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(item.fault(FaultKind::Value, "a flag that is neither 0 nor 1")),
    }
}

/// SCP/SCU Role Selection (54H, PS3.7 D.3.3.4): the roles of the association's requestor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Role {
    /// For which SOP class.
    pub sop_class: Uid,
    /// The requestor as SCU.
    pub scu: bool,
    /// The requestor as SCP.
    pub scp: bool,
}

/// An Implementation Version Name (55H): at most [`VERSION_NAME`](super::limits::VERSION_NAME) bytes, kept as they
/// came. `Debug` and `Display` escape what is not printable.
#[derive(Clone, PartialEq, Eq)]
pub struct VersionName(Bytes);

impl VersionName {
    /// Takes a name; `None` if it is longer than [`VERSION_NAME`](super::limits::VERSION_NAME) bytes.
    pub fn new(name: &[u8]) -> Option<Self> {
        (name.len() <= super::limits::VERSION_NAME).then(|| Self(Bytes::copy_from_slice(name)))
    }

    /// The bytes, as they came.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for VersionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.escape_ascii(), f)
    }
}

impl fmt::Debug for VersionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VersionName({self})")
    }
}

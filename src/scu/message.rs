//! Messages put together from their fragments.

use super::LinkFault;
use crate::dicom::dimse::{Command, Tolerances};
use crate::dicom::pdu::Fragment;
use bytes::Bytes;

/// A whole message: a command and what came with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The presentation context it came on.
    pub context: u8,
    /// The command set.
    pub command: Command,
    /// The data set as it came, where the command says that one follows.
    pub data: Option<Vec<u8>>,
}

/// A piece of a message, for messages that are longer than what is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A whole command. Where it says that a data set follows, [`Part::Data`] and [`Part::End`] do.
    Command(u8, Box<Command>),
    /// The next bytes of the data set.
    Data(Bytes),
    /// The data set is over.
    End,
}

/// A message as far as it came.
#[derive(Debug, Default)]
pub(super) struct Partial {
    context: u8,
    command_bytes: Vec<u8>,
    command: Option<Command>,
    data: Vec<u8>,
}

impl Partial {
    /// Whether a message has begun.
    pub(super) const fn begun(&self) -> bool {
        self.command.is_some() || !self.command_bytes.is_empty()
    }

    /// Takes a fragment; gives the message that it completes. Every named tolerance is on: what a system says to the
    /// gateway itself goes no further, and a probe is to find out what it does, not to judge its padding.
    pub(super) fn take(&mut self, fragment: &Fragment, longest: usize) -> Result<Option<Message>, LinkFault> {
        if self.begun() && fragment.context != self.context {
            return Err(LinkFault::Malformed("two messages mixed up".into()));
        }
        self.context = fragment.context;
        let over = fragment.last && fragment.ends;
        if fragment.command {
            if self.command.is_some() || self.command_bytes.len() + fragment.bytes.len() > Command::MAX_LENGTH {
                return Err(LinkFault::Malformed("a command set that does not end".into()));
            }
            self.command_bytes.extend_from_slice(&fragment.bytes);
            if !over {
                return Ok(None);
            }
            let command = Command::decode(&self.command_bytes, &Tolerances::ALL)?;
            let complete = !command.data_set;
            self.command = Some(command);
            return Ok(complete.then(|| self.done()).flatten());
        }
        if self.command.is_none() {
            return Err(LinkFault::Malformed("a data set without a command".into()));
        }
        if self.data.len() + fragment.bytes.len() > longest {
            return Err(LinkFault::TooLong(longest));
        }
        self.data.extend_from_slice(&fragment.bytes);
        Ok(over.then(|| self.done()).flatten())
    }

    /// The same, piece by piece: what a fragment gives, and whether the data set is over with it.
    pub(super) fn take_part(&mut self, fragment: &Fragment) -> Result<(Option<Part>, bool), LinkFault> {
        if fragment.command {
            let message = self.take(fragment, 0)?;
            let command = message.map(|message| message.command).or_else(|| self.command.clone());
            return Ok((command.map(|command| Part::Command(fragment.context, Box::new(command))), false));
        }
        if self.command.is_none() || fragment.context != self.context {
            return Err(LinkFault::Malformed("a data set without a command".into()));
        }
        let over = fragment.last && fragment.ends;
        if over {
            *self = Self::default();
        }
        Ok((Some(Part::Data(fragment.bytes.clone())), over))
    }

    fn done(&mut self) -> Option<Message> {
        let Self { context, command, data, .. } = std::mem::take(self);
        let command = command?;
        let data = command.data_set.then_some(data);
        Some(Message { context, command, data })
    }
}

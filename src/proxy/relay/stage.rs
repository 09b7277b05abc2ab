//! Where a direction stands within a message, and what happens to the PDUs of the message.

use crate::config::Limits;
use crate::dicom::dataset::{Leading, WalkFault, WalkLimits, Walker};
use crate::dicom::dimse::{Command, Field, Tolerances};
use crate::dicom::pdu::Fragment;
use crate::dicom::transfer_syntax;
use crate::dicom::uid::Uid;

/// Where a direction stands within a message.
pub enum Stage {
    /// No message is under way.
    Between,
    /// A command has begun.
    Command(Box<Partial>),
    /// A data set is under way.
    Data(Box<DataSet>),
}

/// What happens to the PDUs of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// They wait for a decision.
    Hold,
    /// They go on.
    Forward,
    /// They are dropped.
    Drop,
    /// They are dropped; the command has gone anew, and the data set goes on changed.
    Rewrite,
}

/// A command of which a part has come.
pub struct Partial {
    /// Its presentation context.
    pub context: u8,
    /// What has come, at most `[limits] command`.
    pub bytes: Vec<u8>,
}

/// A data set under way.
pub struct DataSet {
    /// Its presentation context.
    pub context: u8,
    /// The command it belongs to.
    pub command: Command,
    /// Bytes that have come.
    pub bytes: u64,
    /// Looks at the headers; `None` for what is dropped.
    pub walk: Option<Walk>,
    /// The data set itself, where it is needed whole.
    pub kept: Option<Vec<u8>>,
    /// All of it has come.
    pub complete: bool,
}

impl DataSet {
    /// Keeps what has come, if it is needed.
    pub fn keep(&mut self, bytes: &[u8], limits: &Limits) -> Result<(), &'static str> {
        let Some(kept) = &mut self.kept else { return Ok(()) };
        let (longest, words) = match self.command.field {
            Field::FindRsp => (limits.narrow_answer, "an answer longer than the limit `narrow_answer`"),
            _ => (limits.commit_report_size, "a data set longer than the limit `commit_report_size`"),
        };
        if u64::try_from(kept.len().saturating_add(bytes.len())).unwrap_or(u64::MAX) > longest {
            return Err(words);
        }
        kept.extend_from_slice(bytes);
        Ok(())
    }
}

/// A walker and what it has found.
pub struct Walk {
    walker: Walker,
    /// The identifying attributes, as far as they have come.
    pub leading: Leading,
}

impl Walk {
    /// A walk before the first byte.
    pub fn new(command: &Command, syntax: &Uid, limits: WalkLimits, tolerances: Tolerances) -> Self {
        let encoding = transfer_syntax::encoding_of(syntax);
        let leading = match command.field {
            Field::StoreRq => Leading::of_object(tolerances),
            _ => Leading::of_identifier(tolerances),
        };
        Self { walker: Walker::new(encoding, limits, tolerances), leading }
    }

    /// Looks at the next bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), WalkFault> {
        self.walker.push(bytes, &mut self.leading)
    }

    /// The data set is over.
    pub fn finish(&mut self) -> Result<(), WalkFault> {
        self.walker.finish()?;
        self.leading.end();
        Ok(())
    }
}

/// What a fragment completed.
pub enum Completed {
    /// Nothing yet.
    Nothing,
    /// A command; its bytes are in the fragment itself.
    CommandHere,
    /// A command that came in pieces.
    Command(Box<Partial>),
    /// The data set.
    DataSet,
}

/// A fragment that does not belong where it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfTurn(pub &'static str);

impl Stage {
    /// Takes a fragment's bytes into account. The walker is not fed here: a dropped data set is not looked at.
    pub fn take(&mut self, fragment: &Fragment, longest_command: u64) -> Result<Completed, OutOfTurn> {
        let complete = fragment.last && fragment.ends;
        match (&mut *self, fragment.command) {
            (Self::Between, true) if complete && fragment.begins => {
                bounded(fragment.bytes.len(), longest_command)?;
                Ok(Completed::CommandHere)
            }
            (Self::Between, true) => {
                bounded(fragment.bytes.len(), longest_command)?;
                let bytes = fragment.bytes.to_vec();
                *self = Self::Command(Box::new(Partial { context: fragment.context, bytes }));
                self.complete_command(complete)
            }
            (Self::Command(partial), true) if partial.context == fragment.context => {
                bounded(partial.bytes.len() + fragment.bytes.len(), longest_command)?;
                partial.bytes.extend_from_slice(&fragment.bytes);
                self.complete_command(complete)
            }
            (Self::Data(data), false) if data.context == fragment.context => {
                data.bytes += u64::try_from(fragment.bytes.len()).unwrap_or(u64::MAX);
                Ok(if complete { Completed::DataSet } else { Completed::Nothing })
            }
            (Self::Between, false) => Err(OutOfTurn("a data set fragment without a command before it")),
            (Self::Command(_), false) => Err(OutOfTurn("a data set fragment before the command is complete")),
            (Self::Data(data), true) if data.context == fragment.context => {
                Err(OutOfTurn("a command fragment before the data set is complete"))
            }
            _ => Err(OutOfTurn("a fragment on another presentation context within a message")),
        }
    }

    /// Whether no message is under way.
    pub const fn is_between(&self) -> bool {
        matches!(self, Self::Between)
    }

    fn complete_command(&mut self, complete: bool) -> Result<Completed, OutOfTurn> {
        if !complete {
            return Ok(Completed::Nothing);
        }
        match std::mem::replace(self, Self::Between) {
            Self::Command(partial) => Ok(Completed::Command(partial)),
            _ => Ok(Completed::Nothing),
        }
    }
}

fn bounded(length: usize, longest: u64) -> Result<(), OutOfTurn> {
    if u64::try_from(length).unwrap_or(u64::MAX) > longest {
        return Err(OutOfTurn("a command set longer than the limit `command`"));
    }
    Ok(())
}

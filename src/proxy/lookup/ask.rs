//! One question, and its answers.

use super::LookupFault;
use super::link::Open;
use crate::dicom::dataset::Level;
use crate::dicom::dataset::record::{Record, RecordLimits};
use crate::dicom::dimse::{Command, Status, StatusKind, Tolerances};
use crate::dicom::query::{Builder, Model};
use crate::dicom::transfer_syntax::encoding_of;
use crate::dicom::{Tag, Uid};
use crate::gate::LookupPermit;
use crate::scu::{Accepted, LinkFault};
use dicom_core::VR;

/// What is asked, before it is known in which information model.
#[derive(Clone)]
pub(super) struct Question {
    pub level: Level,
    pub uids: Vec<(Tag, Vec<Uid>)>,
    pub texts: Vec<(Tag, VR, String)>,
    pub returns: Vec<Tag>,
}

/// How the asking of one question ended.
pub(super) enum Asked {
    /// Everything was answered.
    Done,
    /// The archive had gone before it answered anything.
    Broken(LinkFault),
}

impl Question {
    /// At a level, without keys.
    pub(super) const fn at(level: Level) -> Self {
        Self { level, uids: Vec::new(), texts: Vec::new(), returns: Vec::new() }
    }

    /// With UIDs to match; none is a return key.
    pub(super) fn uids(mut self, tag: Tag, uids: &[Uid]) -> Self {
        self.uids.push((tag, uids.to_vec()));
        self
    }

    /// With a text to match.
    pub(super) fn text(mut self, tag: Tag, vr: VR, text: &str) -> Self {
        self.texts.push((tag, vr, text.to_owned()));
        self
    }

    /// With attributes to be returned.
    pub(super) fn returns(mut self, tags: &[Tag]) -> Self {
        self.returns.extend_from_slice(tags);
        self
    }

    fn write(&self, context: &Accepted) -> Option<Vec<u8>> {
        let mut builder = Builder::new(Model::of(&context.class)?, self.level);
        for (tag, uids) in &self.uids {
            builder = builder.uids(*tag, uids);
        }
        for (tag, vr, text) in &self.texts {
            builder = builder.text(*tag, *vr, text);
        }
        builder.returns(&self.returns).write(encoding_of(&context.syntax))
    }
}

/// May name a patient.
impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question").field("level", &self.level).finish_non_exhaustive()
    }
}

/// Asks, and hands every answer over. A fault leaves the association in an unknown state: it is not to be used again.
pub(super) async fn ask(
    open: &mut Open,
    _permit: LookupPermit,
    context: Accepted,
    question: &Question,
    take: &mut (dyn FnMut(Record) -> Result<(), LookupFault> + Send),
) -> Result<Asked, LookupFault> {
    let message = open.next_message();
    let data = question.write(&context).ok_or(LookupFault::NotOffered)?;
    let command = Command::find_rq(message, &context.class);
    if let Err(fault) = open.link.send(context.id, &command, Some(&data)).await {
        return Ok(Asked::Broken(fault));
    }
    let mut begun = false;
    loop {
        let answer = match open.link.receive().await {
            Ok(answer) => answer,
            Err(fault) if !begun => return Ok(Asked::Broken(fault)),
            Err(fault) => return Err(fault.into()),
        };
        begun = true;
        open.heard();
        if answer.command.responded_to != Some(message) || answer.command.field != crate::dicom::dimse::Field::FindRsp {
            return Err(LookupFault::Malformed);
        }
        match (answer.command.status, answer.data) {
            (Some(status), Some(data)) if status.kind() == StatusKind::Pending => {
                let encoding = encoding_of(&context.syntax);
                let record = Record::read(data, encoding, Tolerances::ALL, RecordLimits::default());
                take(record.map_err(|_| LookupFault::Malformed)?)?;
            }
            (Some(Status::SUCCESS), _) => return Ok(Asked::Done),
            (Some(status), _) if status.kind() != StatusKind::Pending => return Err(LookupFault::Refused(status)),
            _ => return Err(LookupFault::Malformed),
        }
    }
}

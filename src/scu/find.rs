//! C-FIND: the answers to one question (PS3.7 9.1.2).

use super::{Accepted, Link, LinkFault};
use crate::dicom::dimse::{Command, Status, StatusKind};

impl Link {
    /// Asks, and hands over each answer's data set as it comes, up to `most` of them; gives the final status. More than
    /// that end the association.
    ///
    /// # Errors
    /// Whatever ends the association.
    pub async fn find(
        &mut self,
        context: &Accepted,
        message: u16,
        identifier: &[u8],
        most: usize,
        take: &mut (dyn FnMut(Vec<u8>) + Send),
    ) -> Result<Status, LinkFault> {
        self.send(context.id, &Command::find_rq(message, &context.class), Some(identifier)).await?;
        let mut answers = 0;
        loop {
            let answer = self.receive().await?;
            if !answer.command.field.is_response() || answer.command.responded_to != Some(message) {
                continue;
            }
            match (answer.command.status, answer.data) {
                (Some(status), data) if status.kind() == StatusKind::Pending => {
                    answers += 1;
                    if answers > most {
                        return Err(LinkFault::TooMany(most));
                    }
                    data.into_iter().for_each(&mut *take);
                }
                (Some(status), _) => return Ok(status),
                (None, _) => return Err(LinkFault::Malformed("a response without a status".into())),
            }
        }
    }
}

//! C-GET: objects that come on the association that asks for them (PS3.7 9.1.3), piece by piece.

use super::message::Part;
use super::{Accepted, Link, LinkFault};
use crate::dicom::dimse::{Command, Counters, Field, Status};
use std::pin::Pin;

/// What a receiver has to do.
pub type Work<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Takes objects as they come, one after another.
pub trait Receiver: Send {
    /// An object begins: the context it comes on, and its command.
    fn begin(&mut self, context: &Accepted, command: &Command);
    /// Its next bytes.
    fn data(&mut self, bytes: &[u8]);
    /// What must be done with them before more comes; `None`: nothing.
    fn work(&mut self) -> Option<Work<'_>> {
        None
    }
    /// It is over; what the other side is answered.
    fn end(&mut self) -> Status;
}

/// How a retrieval ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Got {
    /// The final status.
    pub status: Status,
    /// What the other side counted.
    pub counters: Counters,
    /// How many objects came.
    pub objects: u32,
}

impl Link {
    /// Retrieves what the identifier says; every object goes to `receiver`.
    ///
    /// # Errors
    /// Whatever ends the association; an object that had begun is not over then.
    pub async fn get(
        &mut self,
        context: &Accepted,
        message: u16,
        identifier: &[u8],
        receiver: &mut dyn Receiver,
    ) -> Result<Got, LinkFault> {
        self.send(context.id, &Command::get_rq(message, &context.class), Some(identifier)).await?;
        let mut objects = 0;
        loop {
            let Part::Command(id, command) = self.part().await? else { continue };
            match command.field {
                Field::StoreRq if command.data_set => {
                    let Some(on) = self.all_accepted().find(|accepted| accepted.id == id) else { continue };
                    objects += 1;
                    receiver.begin(&on, &command);
                    while let Part::Data(bytes) = self.part().await? {
                        receiver.data(&bytes);
                        if let Some(work) = receiver.work() {
                            work.await;
                        }
                    }
                    if let Some(answer) = command.response(receiver.end()) {
                        self.send(id, &answer, None).await?;
                    }
                }
                Field::GetRsp if command.responded_to == Some(message) => {
                    // The instances that failed; who asks counts for itself.
                    if command.data_set {
                        while let Part::Data(_) = self.part().await? {}
                    }
                    match command.status {
                        Some(status) if status.is_final() => {
                            let counters = command.counters;
                            return Ok(Got { status, counters, objects });
                        }
                        Some(_) => {}
                        None => return Err(LinkFault::Malformed("a response without a status".into())),
                    }
                }
                _ if command.data_set => while let Part::Data(_) = self.part().await? {},
                _ => {}
            }
        }
    }
}

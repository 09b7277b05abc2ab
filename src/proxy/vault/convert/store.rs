//! Stores what is held in the place of the original.

use super::held::Held;
use super::{Converter, Done, Said, Stop};
use crate::dicom::Uid;
use crate::dicom::dimse::{Command, Status};
use crate::dicom::transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN;
use crate::scu::{Ask, Link, LinkFault};

/// Why there was no answer.
enum NoAnswer {
    /// The association, or there was none.
    Link,
    /// The archive does not take objects of the class.
    NotTaken,
    Stop(Stop),
}

impl From<LinkFault> for NoAnswer {
    fn from(_: LinkFault) -> Self {
        Self::Link
    }
}

impl From<Stop> for NoAnswer {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl Converter<'_> {
    /// Stores what is held, and judges what comes back. The ledger has its seal in doubt until it was read back: success
    /// alone proves nothing, and until then what was there before may rightly come.
    pub(super) async fn store(&self, held: &Held) -> Result<Done, Stop> {
        let said = match self.send(held).await {
            Ok(status) if status.is_done() => Said::Success,
            Ok(status) => {
                let words = format!("the archive refuses the sealed object with {status}");
                let done = self.judge(held, Said::No(words.clone())).await?;
                // A7xx: it is out of resources (PS3.4 B.2.3), and the next one will not fare better.
                return match done {
                    Done::Failed(_) if status.0 & 0xff00 == 0xa700 => Err(Stop::Full(words)),
                    done => Ok(done),
                };
            }
            Err(NoAnswer::NotTaken) => Said::No("the archive takes no objects of its class".to_owned()),
            Err(NoAnswer::Link) => Said::Nothing,
            Err(NoAnswer::Stop(stop)) => return Err(stop),
        };
        self.judge(held, said).await
    }

    async fn send(&self, held: &Held) -> Result<Status, NoAnswer> {
        let syntaxes: Vec<Uid> = Uid::new(EXPLICIT_VR_LITTLE_ENDIAN).into_iter().collect();
        let asks = [Ask { class: held.place.class, syntaxes, roles: None }];
        let mut link = Link::open(&self.target, &asks).await?;
        let Some(on) = link.accepted(&held.place.class) else {
            let _ = link.release().await;
            return Err(NoAnswer::NotTaken);
        };
        link.begin(on.id, &Command::store_rq(1, &held.place.class, &held.place.instance)).await?;
        let mut chunks = held.read()?;
        while let Some(chunk) = chunks.next_chunk()? {
            link.data(on.id, &chunk).await?;
        }
        link.data_end(on.id).await?;
        let answer = link.receive().await?;
        let _ = link.release().await;
        answer.command.status.ok_or(NoAnswer::Link)
    }
}

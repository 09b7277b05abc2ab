//! Puts an original back: what is held is opened on the way.

use super::held::Held;
use super::{Converter, Stop, is_taken};
use crate::dicom::dimse::Command;
use crate::dicom::transfer_syntax::Encoding;
use crate::proxy::vault::verify::VerifyFault;
use crate::scu::{Ask, Link, LinkFault};
use crate::transform::flow::{Flow, Piece};
use crate::transform::open::{As, Finished, Found, Open, OpenFault, OpenOptions, OpenOrder};
use bytes::Bytes;

/// Why an original is not back.
#[derive(Debug, thiserror::Error)]
pub enum RestoreFault {
    /// The archive, or the file.
    #[error(transparent)]
    Stop(#[from] Stop),
    /// The association.
    #[error(transparent)]
    Link(#[from] LinkFault),
    /// What is held does not open.
    #[error("what is held does not open: {0}")]
    Open(#[from] OpenFault),
    /// The archive says no.
    #[error("it refuses the original with {0}")]
    Refused(crate::dicom::dimse::Status),
    /// It gives back something else.
    #[error("what it gives back now is not the original")]
    NotBack,
}

impl Converter<'_> {
    /// Stores the original again, in its own transfer syntax, and asks whether it is back.
    pub(super) async fn restore(&self, held: &Held) -> Result<(), RestoreFault> {
        let ask = Ask { class: held.place.class, syntaxes: vec![held.syntax], roles: None };
        let mut link = Link::open(&self.target, &[ask]).await?;
        let on = link.accepted(&held.place.class);
        let on = on.ok_or_else(|| LinkFault::Malformed("it does not take the original's encoding".into()))?;
        let mut open = Open::new(OpenOrder {
            unlock: self.how.unlock.clone(),
            from: Encoding::ExplicitLe,
            sop_class: held.place.class,
            sop_instance: held.place.instance,
            options: OpenOptions { whole: 0, ..self.how.options },
        });
        link.begin(on.id, &Command::store_rq(1, &held.place.class, &held.place.instance)).await?;
        let (mut flow, mut kept, mut decided) = (Flow::default(), Vec::new(), false);
        let mut chunks = held.read()?;
        while let Some(chunk) = chunks.next_chunk()? {
            open.push(&chunk, &mut flow)?;
            decide(&mut open, &mut decided)?;
            send(&mut link, on.id, &mut flow, &mut kept).await?;
        }
        loop {
            match open.finish(&mut flow)? {
                Finished::Opened(_) => break,
                Finished::Undecided => decide(&mut open, &mut decided)?,
                Finished::Passed => return Err(RestoreFault::NotBack),
            }
        }
        send(&mut link, on.id, &mut flow, &mut kept).await?;
        link.data_end(on.id).await?;
        let answer = link.receive().await?;
        let _ = link.release().await;
        match answer.command.status {
            Some(status) if is_taken(status) => {}
            Some(status) => return Err(RestoreFault::Refused(status)),
            None => return Err(RestoreFault::NotBack),
        }
        match self.read_back(&held.place, None).await {
            // Encapsulated originals do not come in a native context: that it is not sealed any more is what counts.
            Err(VerifyFault::Plain | VerifyFault::Gone(_)) => Ok(()),
            Err(VerifyFault::Link(fault)) => Err(fault.into()),
            Ok(_) | Err(_) => Err(RestoreFault::NotBack),
        }
    }
}

fn decide(open: &mut Open, decided: &mut bool) -> Result<(), OpenFault> {
    if !*decided && let Some(Found::Sealed(_)) = open.found() {
        *decided = true;
        open.deliver(As::Own)?;
    }
    Ok(())
}

async fn send(link: &mut Link, on: u8, flow: &mut Flow, kept: &mut Vec<Bytes>) -> Result<(), LinkFault> {
    while let Some(piece) = flow.next_piece() {
        match piece {
            Piece::Go(bytes) => link.data(on, &bytes).await?,
            Piece::Keep(bytes) => kept.push(bytes),
            Piece::Kept => {
                for bytes in kept.drain(..) {
                    link.data(on, &bytes).await?;
                }
            }
        }
    }
    Ok(())
}

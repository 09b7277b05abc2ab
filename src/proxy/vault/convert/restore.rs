//! Puts an original back: what is held is opened on the way. And tells whether it is back.

use super::held::Held;
use super::receive::Received;
use super::{Converter, Stop};
use crate::dicom::dimse::Command;
use crate::dicom::transfer_syntax::Encoding;
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
        let on = on.ok_or(LinkFault::NotOffered("it does not take the original's encoding"))?;
        let mut open = self.open(held, false);
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
            Some(status) if status.is_done() => {}
            Some(status) => return Err(RestoreFault::Refused(status)),
            None => return Err(RestoreFault::NotBack),
        }
        if self.is_back(held).await? { Ok(()) } else { Err(RestoreFault::NotBack) }
    }

    /// Whether what the archive gives out now is the original, byte for byte in everything that is sealed: it is sealed once
    /// more, and the same must come out of both.
    pub(super) async fn is_back(&self, held: &Held) -> Result<bool, Stop> {
        let path = held.path().with_file_name(format!("{}-again.dcm", held.place.instance));
        let received = self.retrieve(&held.place, &path, true).await;
        let same = match received {
            Ok(Received::Sealed(sealed)) => {
                let again = Held::new(path.clone(), &held.place, &sealed.begun);
                matches!((self.digest(held), self.digest(&again)), (Ok(one), Ok(other)) if one == other)
            }
            Ok(Received::Disk(source)) => return Err(Stop::File { path, source }),
            Ok(_) => false,
            Err(stop) => return Err(stop),
        };
        super::held::remove(&path);
        Ok(same)
    }

    /// SHA-256 of what is sealed in what is held, each segment authenticated.
    pub(super) fn digest(&self, held: &Held) -> Result<[u8; 32], RestoreFault> {
        let mut open = self.open(held, true);
        let (mut flow, mut decided) = (Flow::default(), false);
        let mut chunks = held.read()?;
        while let Some(chunk) = chunks.next_chunk()? {
            open.push(&chunk, &mut flow)?;
            decide(&mut open, &mut decided)?;
            while flow.next_piece().is_some() {}
        }
        loop {
            match open.finish(&mut flow)? {
                Finished::Opened(opened) => return opened.digest.ok_or(RestoreFault::NotBack),
                Finished::Undecided => decide(&mut open, &mut decided)?,
                Finished::Passed => return Err(RestoreFault::NotBack),
            }
            while flow.next_piece().is_some() {}
        }
    }

    fn open(&self, held: &Held, digest: bool) -> Open {
        Open::new(OpenOrder {
            unlock: self.how.unlock.clone(),
            from: Encoding::ExplicitLe,
            sop_class: held.place.class,
            sop_instance: held.place.instance,
            options: OpenOptions { whole: 0, digest, ..self.how.options },
        })
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

//! What an object of an archive goes through: it is looked into, opened if it is to be, attributes are taken out of it,
//! and it is written in the receiver's encoding.

use super::place::{Opens, Place};
use crate::dicom::dataset::WalkLimits;
use crate::dicom::transfer_syntax::Encoding;
use crate::transform::flow::{Flow, Piece};
use crate::transform::hide::{Hide, HideFault};
use crate::transform::open::{Finished, Found, Open, OpenFault, OpenOrder, Opened};
use crate::transform::recode::{Recode, RecodeFault};
use bytes::Bytes;

/// Why it does not go on.
#[derive(Debug, thiserror::Error)]
pub enum PipeFault {
    /// The seal, or what is around it.
    #[error(transparent)]
    Open(#[from] OpenFault),
    /// Attributes cannot be taken out of it.
    #[error(transparent)]
    Hide(#[from] HideFault),
    /// It cannot be written in the receiver's encoding, or read in the archive's.
    #[error(transparent)]
    Recode(#[from] RecodeFault),
}

/// The way of one object.
#[derive(Debug)]
pub struct Pipe {
    /// How it comes out of `before`.
    encoding: Encoding,
    /// To an encoding that is looked into, where the archive sends another.
    before: Option<Box<Recode>>,
    /// What came, where it is another encoding: if there is no seal it goes on so.
    came: Vec<u8>,
    open: Box<Open>,
    inner: Flow,
    after: After,
    /// It goes on as it came, without another look.
    raw: bool,
    /// What becomes of it is known.
    decided: bool,
    /// All of it is in.
    whole: bool,
    /// The end has been said.
    ended: bool,
    opened: Option<Opened>,
}

/// What is done behind opening.
#[derive(Debug, Default)]
struct After {
    hide: Option<Box<Hide>>,
    recode: Option<Box<Recode>>,
}

impl Pipe {
    /// Before the first byte of an object that comes in this encoding. That of `order` does not count.
    pub fn new(from: Encoding, order: OpenOrder, limits: WalkLimits) -> Self {
        let encoding = match from {
            Encoding::ImplicitLe => Encoding::ImplicitLe,
            Encoding::ExplicitLe | Encoding::ExplicitBe | Encoding::Deflated => Encoding::ExplicitLe,
        };
        let before = (from != encoding).then(|| Box::new(Recode::with_limits(from, encoding, limits)));
        let open = Box::new(Open::new(OpenOrder { from: encoding, ..order }));
        Self {
            encoding,
            before,
            came: Vec::new(),
            open,
            inner: Flow::default(),
            after: After::default(),
            decided: false,
            raw: false,
            whole: false,
            ended: false,
            opened: None,
        }
    }

    /// What it is, once that is known.
    pub fn found(&self) -> Option<&Found> {
        self.open.found()
    }

    /// Whether a seal stands in it, authentic or not.
    pub const fn looks_sealed(&self) -> bool {
        self.open.looks_sealed()
    }

    /// What was opened, at the end.
    pub const fn opened(&self) -> Option<&Opened> {
        self.opened.as_ref()
    }

    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &Bytes, flow: &mut Flow) -> Result<(), PipeFault> {
        if self.raw {
            flow.go(bytes.clone());
            return Ok(());
        }
        match &mut self.before {
            None if self.open.is_passing() => self.inner.go(bytes.clone()),
            None => self.open.push(bytes, &mut self.inner)?,
            Some(before) => {
                // Until it is decided what becomes of it, which takes longer than to see what it is.
                if !self.decided {
                    self.came.extend_from_slice(bytes);
                }
                let mut read = Vec::new();
                before.push(bytes, &mut read)?;
                self.open.push(&read, &mut self.inner)?;
            }
        }
        self.after.pass(&mut self.inner, flow)
    }

    /// All of it is in.
    pub fn finish(&mut self, flow: &mut Flow) -> Result<(), PipeFault> {
        if let Some(before) = self.before.as_mut().filter(|_| !self.raw && !self.whole) {
            let mut read = Vec::new();
            before.finish(&mut read)?;
            self.open.push(&read, &mut self.inner)?;
        }
        self.whole = true;
        self.end(flow)
    }

    /// It goes on opened.
    pub fn deliver(&mut self, opens: &Opens, hide: Option<Hide>, flow: &mut Flow) -> Result<(), PipeFault> {
        // What is decoded is written in the receiver's encoding by that.
        let to = if opens.decode { opens.comes } else { opens.place.encoding };
        self.after.set(opens.comes, to, hide);
        (self.came, self.decided) = (Vec::new(), true);
        self.open.deliver(opens.how)?;
        self.go_on(flow)
    }

    /// It goes on as it is.
    pub fn pass(
        &mut self,
        place: &Place,
        from: Encoding,
        hide: Option<Hide>,
        flow: &mut Flow,
    ) -> Result<(), PipeFault> {
        let came = std::mem::take(&mut self.came);
        self.decided = true;
        if self.before.is_some() && place.encoding == from && hide.is_none() {
            self.raw = true;
            self.ended = self.whole;
            flow.go(came);
            return Ok(());
        }
        self.after.set(self.encoding, place.encoding, hide);
        self.open.pass()?;
        self.go_on(flow)
    }

    /// How it is encoded behind `before`.
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }

    fn go_on(&mut self, flow: &mut Flow) -> Result<(), PipeFault> {
        self.open.push(&[], &mut self.inner)?;
        self.after.pass(&mut self.inner, flow)?;
        if self.whole { self.end(flow) } else { Ok(()) }
    }

    fn end(&mut self, flow: &mut Flow) -> Result<(), PipeFault> {
        if self.raw || self.ended {
            self.ended = true;
            return Ok(());
        }
        match self.open.finish(&mut self.inner)? {
            Finished::Undecided => return Ok(()),
            Finished::Passed => {}
            Finished::Opened(opened) => self.opened = Some(opened),
        }
        self.ended = true;
        self.after.pass(&mut self.inner, flow)?;
        self.after.finish(flow)
    }
}

impl After {
    fn set(&mut self, from: Encoding, to: Encoding, hide: Option<Hide>) {
        self.hide = hide.map(Box::new);
        self.recode = (from != to).then(|| Box::new(Recode::new(from, to)));
    }

    /// What has come out of the seal goes through the rest, piece by piece.
    fn pass(&mut self, inner: &mut Flow, flow: &mut Flow) -> Result<(), PipeFault> {
        while let Some(piece) = inner.next_piece() {
            match piece {
                Piece::Go(bytes) => flow.go(self.change(bytes)?),
                Piece::Keep(bytes) => flow.keep(self.change(bytes)?),
                Piece::Kept => flow.kept(),
            }
        }
        Ok(())
    }

    fn change(&mut self, bytes: Bytes) -> Result<Bytes, PipeFault> {
        let bytes = match &mut self.hide {
            None => bytes,
            Some(hide) => {
                let mut out = Vec::with_capacity(bytes.len());
                hide.push(&bytes, &mut out)?;
                out.into()
            }
        };
        let Some(recode) = &mut self.recode else { return Ok(bytes) };
        let mut out = Vec::with_capacity(bytes.len());
        recode.push(&bytes, &mut out)?;
        Ok(out.into())
    }

    fn finish(&mut self, flow: &mut Flow) -> Result<(), PipeFault> {
        let mut rest = Vec::new();
        if let Some(hide) = &mut self.hide {
            hide.finish(&mut rest)?;
        }
        if let Some(recode) = &mut self.recode {
            let mut out = Vec::new();
            recode.push(&rest, &mut out)?;
            recode.finish(&mut out)?;
            rest = out;
        }
        flow.go(rest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::dataset::write::DataSet;
    use crate::dicom::{Tag, Uid};
    use crate::transform::open::OpenOptions;
    use crate::vault::{KeyRing, Unlock};
    use std::sync::Arc;

    /// What is known to be plain from its class alone, and what is seen to be plain later.
    #[test]
    fn what_comes_in_another_byte_order_and_is_not_sealed_goes_on_byte_for_byte() {
        for class in ["1.2.840.10008.5.1.4.1.1.88.11", "1.2.840.10008.5.1.4.1.1.2"] {
            let class = Uid::new(class).unwrap();
            let little = DataSet::new()
                .with_uid(Tag(0x0008, 0x0016), &class)
                .with_uid(Tag(0x0008, 0x0018), &class)
                .with(Tag(0x0010, 0x0010), b"PN", "Test^Eva")
                .encode(Encoding::ExplicitLe);
            let (mut recode, mut object) = (Recode::new(Encoding::ExplicitLe, Encoding::ExplicitBe), Vec::new());
            recode.push(&little, &mut object).unwrap();
            recode.finish(&mut object).unwrap();
            let order = OpenOrder {
                unlock: Unlock::Ring(Arc::new(KeyRing::new([]))),
                from: Encoding::ExplicitBe,
                sop_class: class,
                sop_instance: class,
                options: OpenOptions::default(),
            };
            let mut pipe = Pipe::new(Encoding::ExplicitBe, order, WalkLimits::default());
            let mut flow = Flow::default();
            let (first, second) = object.split_at(20);
            pipe.push(&Bytes::copy_from_slice(first), &mut flow).unwrap();
            pipe.push(&Bytes::copy_from_slice(second), &mut flow).unwrap();
            pipe.finish(&mut flow).unwrap();
            let place = Place { leg: 0, context: 1, encoding: Encoding::ExplicitBe };
            pipe.pass(&place, Encoding::ExplicitBe, None, &mut flow).unwrap();
            assert_eq!(crate::transform::flow::Line::default().take(&mut flow).concat(), object);
        }
    }
}

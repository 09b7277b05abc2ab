//! Read-back: retrieves a sealed instance from its archive by C-GET and opens it, to the last segment. What it opens goes
//! nowhere.
//!
//! That every segment is authentic, that none is missing and that the seal is the expected one says that every sealed byte
//! is there: nothing has to be compared.

use super::decode::{Came, DecodeFault, Decoder, Decoding, Unpacking};
use crate::dicom::dataset::write::DataSet;
use crate::dicom::dimse::{Command, Status};
use crate::dicom::negotiation::Roles;
use crate::dicom::transfer_syntax::{
    EXPLICIT_VR_LITTLE_ENDIAN, Encoding, IMPLICIT_VR_LITTLE_ENDIAN, encoding_of, is_encapsulated,
};
use crate::dicom::{Phi, Tag, Uid, sop_class};
use crate::scu::{Accepted, Ask, Link, LinkFault, Receiver, Target, Work};
use crate::transform::flow::{Flow, Piece};
use crate::transform::frames::FramesLimits;
use crate::transform::open::{As, Finished, Found, Inner, Open, OpenFault, OpenOptions, OpenOrder, Opened};
use crate::transform::same::Same;
use crate::vault::{SealId, Unlock};

/// Message id of the C-GET.
const MESSAGE: u16 = 1;
/// The classes of C-GET, the preferred one first.
const GET: [&str; 2] = [sop_class::STUDY_ROOT_GET, sop_class::PATIENT_ROOT_GET];
/// Lossless transfer syntaxes that an archive may have compressed a sealed image into: JPEG lossless, JPEG-LS lossless,
/// JPEG 2000 lossless, RLE, deflate.
pub const LOSSLESS: [&str; 6] = [
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.1.99",
];

/// Which instance. Archives want to be told what is above it; what is not known is left out.
#[derive(Debug, Clone)]
pub struct Place {
    /// SOP Class UID.
    pub class: Uid,
    /// SOP Instance UID.
    pub instance: Uid,
    /// Study Instance UID.
    pub study: Option<Uid>,
    /// Series Instance UID.
    pub series: Option<Uid>,
    /// Patient ID (0010,0020), for archives that only know the patient root.
    pub patient: Option<Phi<String>>,
}

/// How it is opened.
#[derive(Debug, Clone)]
pub struct ReadBack {
    /// The ring.
    pub unlock: Unlock,
    /// Depth, whether UIDs are minted, whether the digest of what was sealed is wanted. `whole` does not count:
    /// nothing goes out.
    pub options: OpenOptions,
    /// What it says is to be compared: [`Verified::same`].
    pub compare: bool,
    /// What decodes what an archive has compressed; `None`: nothing does.
    pub decoder: Option<Decoder>,
}

impl ReadBack {
    /// What decodes an object that comes in this transfer syntax, if it is compressed without losses.
    pub fn unpacking(&self, syntax: &Uid) -> Option<Unpacking> {
        let decoder = self.decoder.as_ref().filter(|_| LOSSLESS.contains(&syntax.as_str()))?;
        if !is_encapsulated(syntax) {
            return None;
        }
        let limits = FramesLimits { header: self.options.header, depth: self.options.depth, ..FramesLimits::default() };
        Some(Unpacking::new(Decoding::new(decoder, syntax, Encoding::ExplicitLe, limits).ok()?))
    }
}

/// What was read back: whole and authentic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What is sealed.
    pub inner: Inner,
    /// How it ended.
    pub opened: Opened,
    /// What it says, as [`Same`] has it; `None`: not asked for, or it cannot be said.
    pub same: Option<[u8; 32]>,
}

/// Why an instance is not verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyFault {
    /// No association, or it ended.
    #[error(transparent)]
    Link(#[from] LinkFault),
    /// The archive offers no C-GET, or not for this class.
    #[error("the archive offers no C-GET for objects of this class")]
    NotOffered,
    /// It did not come.
    #[error("the archive did not give it back ({0})")]
    Gone(Status),
    /// What came is not sealed.
    #[error("what the archive gave back is not sealed")]
    Plain,
    /// What came carries another seal.
    #[error("what the archive gave back carries another seal ({0})")]
    Other(SealId),
    /// What came does not open.
    #[error("what the archive gave back does not open: {0}")]
    Open(#[from] OpenFault),
    /// What came is compressed, carries a seal, and is not decoded.
    #[error("what the archive gave back is compressed and is not decoded: {0}")]
    Decode(#[from] DecodeFault),
    /// What came is another instance.
    #[error("the archive gave back another instance")]
    Foreign,
}

impl VerifyFault {
    /// Nothing was learnt about the object; in words.
    pub fn unasked(words: &str) -> Self {
        Self::Link(LinkFault::Malformed(words.to_owned()))
    }

    /// Whether trying again may help: nothing was learnt about the object.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Link(_))
    }
}

/// Reads an instance back and opens it; `expected`: only this seal will do.
///
/// # Errors
/// Why it is not verified.
pub async fn read_back(
    target: &Target<'_>,
    place: &Place,
    how: &ReadBack,
    expected: Option<SealId>,
) -> Result<Verified, VerifyFault> {
    let mut reader = Reader::open(target, &[place.class]).await?;
    let verified = reader.read(place, how, expected).await;
    // It is over, whatever the other side says to that.
    let _ = reader.close().await;
    match verified {
        // Some give objects out only as they have compressed them.
        Err(VerifyFault::Gone(status)) if how.decoder.is_some() => {
            match read_compressed(target, place, how, expected).await {
                Err(VerifyFault::Gone(_) | VerifyFault::NotOffered | VerifyFault::Link(_)) => {
                    Err(VerifyFault::Gone(status))
                }
                read => read,
            }
        }
        verified => verified,
    }
}

/// The same, in whatever the archive may have compressed it into without losses.
///
/// # Errors
/// Why it is not verified.
pub async fn read_compressed(
    target: &Target<'_>,
    place: &Place,
    how: &ReadBack,
    expected: Option<SealId>,
) -> Result<Verified, VerifyFault> {
    let syntaxes = LOSSLESS.map(|syntax| [syntax]);
    let lists: Vec<&[&str]> = syntaxes.iter().map(<[&str; 1]>::as_slice).collect();
    let mut reader = Reader::open_in(target, &[place.class], &lists).await?;
    let verified = reader.read(place, how, expected).await;
    let _ = reader.close().await;
    verified
}

/// An association for reading back, for as many instances as there are.
#[derive(Debug)]
pub struct Reader {
    link: Link,
    get: Accepted,
}

impl Reader {
    /// Asks for C-GET and for these classes in native little endian.
    ///
    /// # Errors
    /// No association, or no C-GET.
    pub async fn open(target: &Target<'_>, classes: &[Uid]) -> Result<Self, VerifyFault> {
        let natives = [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN];
        Self::open_in(target, classes, &[&natives]).await
    }

    /// The same, with a context for each of these lists of transfer syntaxes.
    ///
    /// # Errors
    /// No association, or no C-GET.
    pub async fn open_in(target: &Target<'_>, classes: &[Uid], syntaxes: &[&[&str]]) -> Result<Self, VerifyFault> {
        let mut asks: Vec<Ask> = GET.iter().filter_map(|class| Uid::new(class).ok()).map(Ask::plain).collect();
        for class in classes {
            for list in syntaxes {
                let syntaxes = list.iter().filter_map(|text| Uid::new(text).ok()).collect();
                let roles = Some(Roles { scu: false, scp: true });
                asks.push(Ask { class: *class, syntaxes, roles });
            }
        }
        let link = Link::open(target, &asks).await?;
        let get = GET.iter().find_map(|class| Uid::new(class).ok().and_then(|class| link.accepted(&class)));
        match get {
            Some(get) => Ok(Self { link, get }),
            None => {
                let _ = link.release().await;
                Err(VerifyFault::NotOffered)
            }
        }
    }

    /// Reads one instance back; see [`read_back`].
    ///
    /// # Errors
    /// Why it is not verified. After [`VerifyFault::Link`] the association is gone.
    pub async fn read(
        &mut self,
        place: &Place,
        how: &ReadBack,
        expected: Option<SealId>,
    ) -> Result<Verified, VerifyFault> {
        if self.link.accepted(&place.class).is_none() {
            return Err(VerifyFault::NotOffered);
        }
        let mut opening = Opening::new(how.clone(), place.clone());
        let status = self.get(place, &mut opening).await?;
        let verified = opening.outcome.unwrap_or(Err(VerifyFault::Gone(status)))?;
        match expected {
            Some(seal) if seal != verified.inner.seal => Err(VerifyFault::Other(verified.inner.seal)),
            _ => Ok(verified),
        }
    }

    /// Retrieves one instance into any receiver; gives the final status.
    ///
    /// # Errors
    /// The association is gone.
    pub async fn get(&mut self, place: &Place, receiver: &mut dyn Receiver) -> Result<Status, LinkFault> {
        let identifier = identifier(place, &self.get);
        Ok(self.link.get(&self.get, MESSAGE, &identifier, receiver).await?.status)
    }

    /// Whether objects of this class may come.
    pub fn takes(&self, class: &Uid) -> bool {
        self.link.accepted(class).is_some()
    }

    /// Releases the association.
    ///
    /// # Errors
    /// It did not end in an orderly way.
    pub async fn close(self) -> Result<(), LinkFault> {
        self.link.release().await
    }
}

/// The keys of one instance (PS3.4 C.4.3.1.3): all that are known of those above it.
fn identifier(place: &Place, context: &Accepted) -> Vec<u8> {
    let mut set =
        DataSet::new().with(Tag(0x0008, 0x0052), b"CS", "IMAGE").with_uid(Tag(0x0008, 0x0018), &place.instance);
    if let Some(study) = &place.study {
        set = set.with_uid(Tag(0x0020, 0x000d), study);
    }
    if let Some(series) = &place.series {
        set = set.with_uid(Tag(0x0020, 0x000e), series);
    }
    if let Some(patient) = place.patient.as_ref().filter(|_| context.class.as_str() == sop_class::PATIENT_ROOT_GET) {
        set = set.with(Tag(0x0010, 0x0020), b"LO", patient.reveal());
    }
    set.encode(encoding_of(&context.syntax))
}

/// Opens what comes, and keeps nothing of it.
pub struct Opening {
    how: ReadBack,
    place: Place,
    open: Option<Open>,
    /// It came compressed, and may have to be decoded first.
    unpacking: Option<Box<Unpacking>>,
    /// It came compressed, and opens once it is decoded.
    pub unpacked: bool,
    flow: Flow,
    inner: Option<Inner>,
    same: Option<Same>,
    /// What became of the last object that came.
    pub outcome: Option<Result<Verified, VerifyFault>>,
}

impl Opening {
    /// For this instance.
    pub fn new(how: ReadBack, place: Place) -> Self {
        let (open, unpacking, flow, inner, same) = (None, None, Flow::default(), None, None);
        Self { how, place, open, unpacking, unpacked: false, flow, inner, same, outcome: None }
    }

    /// Decides as soon as it is known what it is.
    fn decide(&mut self) -> Result<(), VerifyFault> {
        let Some(open) = &mut self.open else { return Ok(()) };
        match open.found() {
            _ if self.inner.is_some() => Ok(()),
            None => Ok(()),
            Some(Found::Plain) => Err(VerifyFault::Plain),
            Some(Found::Sealed(inner)) => {
                self.inner = Some((**inner).clone());
                self.same = same(&self.how, &inner.transfer_syntax);
                Ok(open.deliver(As::Own)?)
            }
        }
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), VerifyFault> {
        let Some(open) = &mut self.open else { return Ok(()) };
        open.push(bytes, &mut self.flow)?;
        self.look();
        self.decide()
    }

    /// What is opened is looked at if that is wanted, and kept nowhere.
    fn look(&mut self) {
        while let Some(piece) = self.flow.next_piece() {
            if let (Piece::Go(bytes) | Piece::Keep(bytes), Some(same)) = (piece, &mut self.same)
                && same.push(&bytes).is_err()
            {
                self.same = None;
            }
        }
    }

    fn came(&mut self, came: Came) -> Result<(), VerifyFault> {
        match came {
            Came::Nothing => Ok(()),
            Came::Decoded(bytes) => {
                self.unpacked = true;
                self.push(&bytes)
            }
            Came::Plain(bytes) => {
                self.unpacking = None;
                self.push(&bytes)
            }
        }
    }

    fn failed(&mut self, fault: VerifyFault) {
        (self.open, self.unpacking, self.outcome) = (None, None, Some(Err(fault)));
    }

    fn finish(&mut self) -> Result<Verified, VerifyFault> {
        if let Some(mut unpacking) = self.unpacking.take() {
            let came = unpacking.finish()?;
            self.came(came)?;
        }
        loop {
            let Some(open) = &mut self.open else { return Err(VerifyFault::Plain) };
            let finished = open.finish(&mut self.flow)?;
            self.look();
            match (finished, &self.inner) {
                (Finished::Opened(opened), Some(inner)) => {
                    let same = self.same.take().and_then(|same| same.finish().ok());
                    return Ok(Verified { inner: inner.clone(), opened, same });
                }
                (Finished::Undecided, None) => self.decide()?,
                _ => return Err(VerifyFault::Plain),
            }
        }
    }
}

impl Receiver for Opening {
    fn begin(&mut self, context: &Accepted, command: &Command) {
        (self.open, self.inner, self.same, self.outcome) = (None, None, None, None);
        self.unpacking = self.how.unpacking(&context.syntax).map(Box::new);
        self.unpacked = false;
        let (Some(class), Some(instance)) = (command.sop_class(), command.sop_instance()) else {
            return self.outcome = Some(Err(VerifyFault::Foreign));
        };
        if *instance != self.place.instance && !self.how.options.minted {
            return self.outcome = Some(Err(VerifyFault::Foreign));
        }
        self.open = Some(Open::new(OpenOrder {
            unlock: self.how.unlock.clone(),
            from: encoding_of(&context.syntax),
            sop_class: *class,
            sop_instance: *instance,
            options: OpenOptions { whole: 0, ..self.how.options },
        }));
    }

    fn data(&mut self, bytes: &[u8]) {
        if let Some(unpacking) = self.unpacking.as_mut().filter(|_| self.open.is_some()) {
            return unpacking.push(bytes);
        }
        if let Err(fault) = self.push(bytes) {
            self.failed(fault);
        }
    }

    fn work(&mut self) -> Option<Work<'_>> {
        self.unpacking.as_ref().filter(|unpacking| unpacking.has_work())?;
        Some(Box::pin(async move {
            while let Some(unpacking) = self.unpacking.as_mut().filter(|unpacking| unpacking.has_work()) {
                let came = unpacking.step().await;
                if let Err(fault) = came.map_err(VerifyFault::from).and_then(|came| self.came(came)) {
                    self.failed(fault);
                }
            }
        }))
    }

    fn end(&mut self) -> Status {
        if self.open.is_some() {
            self.outcome = Some(self.finish());
            self.open = None;
        }
        Status::SUCCESS
    }
}

/// What looks at an object of this transfer syntax, if that is wanted and can be.
fn same(how: &ReadBack, syntax: &Uid) -> Option<Same> {
    let encoding = encoding_of(syntax);
    (how.compare && encoding != Encoding::Deflated).then(|| Same::new(encoding, how.options.depth))
}

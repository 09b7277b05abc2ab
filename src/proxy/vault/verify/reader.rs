//! Associations for reading back.

use super::opening::Opening;
use super::{Place, ReadBack, Verified, VerifyFault};
use crate::dicom::dataset::write::DataSet;
use crate::dicom::dimse::Status;
use crate::dicom::negotiation::Roles;
use crate::dicom::transfer_syntax::{self, EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, encoding_of};
use crate::dicom::{Tag, Uid, sop_class};
use crate::proxy::vault::decode::unpackable;
use crate::scu::{Accepted, Ask, Home, Link, LinkFault, Receiver, Target};
use crate::vault::SealId;

/// Message id of the C-GET.
const MESSAGE: u16 = 1;
/// The classes of C-GET, the preferred one first.
const GET: [&str; 2] = [sop_class::STUDY_ROOT_GET, sop_class::PATIENT_ROOT_GET];

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
    verified
}

/// Whether an instance comes in any encoding at all, and carries no seal.
///
/// # Errors
/// Why that is not so, or cannot be said.
pub async fn is_plain(target: &Target<'_>, place: &Place, how: &ReadBack) -> Result<(), VerifyFault> {
    let mut line = Line::any(target, place.class).await?;
    let mut opening = Opening::new(how.clone(), place.clone());
    let got = line.get(place, &mut opening).await;
    let _ = line.close().await;
    let status = got?;
    match opening.outcome {
        Some(Err(VerifyFault::Plain)) => Ok(()),
        Some(Err(fault)) => Err(fault),
        Some(Ok(_)) => Err(VerifyFault::Gone(status)),
        None => Err(VerifyFault::not_given(status)),
    }
}

/// In which encodings objects are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Native,
    /// In whatever an archive may have compressed objects of this class into without losses. Of all classes there would be
    /// more contexts than an association has.
    Compressed(Uid),
}

/// Reads back as many instances as there are, over one association at a time. What does not come natively is asked for as an
/// archive may have compressed it: some give nothing out otherwise.
#[derive(Debug)]
pub struct Reader {
    home: Home,
    classes: Vec<Uid>,
    /// `None`: the next question takes a new one.
    line: Option<(Form, Line)>,
}

impl Reader {
    /// Asks for C-GET and for these classes in native little endian.
    ///
    /// # Errors
    /// No association, or no C-GET.
    pub async fn open(target: &Target<'_>, classes: &[Uid]) -> Result<Self, VerifyFault> {
        let line = Line::native(target, classes).await?;
        Ok(Self { home: Home::of(target), classes: classes.to_vec(), line: Some((Form::Native, line)) })
    }

    /// Reads one instance back; see [`read_back`].
    ///
    /// # Errors
    /// Why it is not verified. The next one may be read all the same.
    pub async fn read(
        &mut self,
        place: &Place,
        how: &ReadBack,
        expected: Option<SealId>,
    ) -> Result<Verified, VerifyFault> {
        let compressed = Form::Compressed(place.class);
        // As the last one came.
        let (first, second) = match &self.line {
            Some((form, _)) if *form == compressed => (compressed, Form::Native),
            _ => (Form::Native, compressed),
        };
        let read = match self.read_in(first, place, how).await {
            Err(fault) if fault.may_come_otherwise() && how.unpacks() => {
                match (fault, self.read_in(second, place, how).await) {
                    // Of what it could not give out the one way it does not know the other way.
                    (fault @ VerifyFault::Failed(_), Err(VerifyFault::Gone(_))) => Err(fault),
                    (fault, Err(VerifyFault::NotOffered)) => Err(fault),
                    (_, read) => read,
                }
            }
            read => read,
        };
        match (read?, expected) {
            (verified, Some(seal)) if seal != verified.inner.seal => Err(VerifyFault::Other(verified.inner.seal)),
            (verified, _) => Ok(verified),
        }
    }

    async fn read_in(&mut self, form: Form, place: &Place, how: &ReadBack) -> Result<Verified, VerifyFault> {
        let mut line = self.take_line(form).await?;
        if !line.takes(&place.class) {
            self.line = Some((form, line));
            return Err(VerifyFault::NotOffered);
        }
        let mut opening = Opening::new(how.clone(), place.clone());
        let status = line.get(place, &mut opening).await?;
        self.line = Some((form, line));
        opening.outcome.unwrap_or(Err(VerifyFault::not_given(status)))
    }

    async fn take_line(&mut self, form: Form) -> Result<Line, VerifyFault> {
        match self.line.take() {
            Some((open, line)) if open == form => return Ok(line),
            // It is over, whatever the other side says to that.
            Some((_, line)) => drop(line.close().await),
            None => {}
        }
        let target = self.home.target();
        match form {
            Form::Native => Line::native(&target, &self.classes).await,
            Form::Compressed(class) => Line::in_each(&target, class, unpackable()).await,
        }
    }

    /// Releases the association.
    ///
    /// # Errors
    /// It did not end in an orderly way.
    pub async fn close(self) -> Result<(), LinkFault> {
        match self.line {
            Some((_, line)) => line.close().await,
            None => Ok(()),
        }
    }
}

/// One association for retrieving.
#[derive(Debug)]
pub struct Line {
    link: Link,
    get: Accepted,
}

impl Line {
    /// Asks for C-GET and for these classes in native little endian.
    ///
    /// # Errors
    /// No association, or no C-GET.
    pub async fn native(target: &Target<'_>, classes: &[Uid]) -> Result<Self, VerifyFault> {
        Self::open(target, classes, &[&[EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN]]).await
    }

    /// Asks for objects of one class in whatever encoding the archive has them.
    ///
    /// # Errors
    /// No association, or no C-GET.
    pub async fn any(target: &Target<'_>, class: Uid) -> Result<Self, VerifyFault> {
        // An archive that takes the first context that will do changes least with explicit VR.
        let others = transfer_syntax::all().filter(|syntax| *syntax != EXPLICIT_VR_LITTLE_ENDIAN);
        Self::in_each(target, class, std::iter::once(EXPLICIT_VR_LITTLE_ENDIAN).chain(others)).await
    }

    /// The same, with a context for each of these transfer syntaxes.
    ///
    /// # Errors
    /// No association, or no C-GET.
    pub async fn in_each(
        target: &Target<'_>,
        class: Uid,
        syntaxes: impl Iterator<Item = &'static str>,
    ) -> Result<Self, VerifyFault> {
        let syntaxes: Vec<[&str; 1]> = syntaxes.map(|syntax| [syntax]).collect();
        let lists: Vec<&[&str]> = syntaxes.iter().map(<[&str; 1]>::as_slice).collect();
        Self::open(target, &[class], &lists).await
    }

    /// Asks for C-GET and, of each of these classes, for a context for each of these lists of transfer syntaxes.
    ///
    /// # Errors
    /// No association, or no C-GET.
    pub async fn open(target: &Target<'_>, classes: &[Uid], syntaxes: &[&[&str]]) -> Result<Self, VerifyFault> {
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

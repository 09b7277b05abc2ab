//! Associations for reading back.

use super::opening::Opening;
use super::{LOSSLESS, Place, ReadBack, Verified, VerifyFault};
use crate::dicom::dataset::write::DataSet;
use crate::dicom::dimse::Status;
use crate::dicom::negotiation::Roles;
use crate::dicom::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, encoding_of};
use crate::dicom::{Tag, Uid, sop_class};
use crate::scu::{Accepted, Ask, Link, LinkFault, Receiver, Target};
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

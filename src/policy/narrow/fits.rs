//! `where` with its values filled in: comparisons with keys, sequences item by item.

use super::given::{Givens, Lacking};
use crate::dicom::Tag;
use crate::dicom::matching::{Attributes, Key};
use crate::policy::value::Wanted;
use dicom_core::VR;

/// Comparisons that an answer must fit, every one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fits(Vec<Fit>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Fit {
    /// The value fits any of these.
    Value { tag: Tag, vr: VR, any: Vec<Compared> },
    /// One and the same item fits all of these.
    Item { tag: Tag, fits: Fits },
}

/// A key, and the words that it was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Compared {
    pub key: Key,
    pub text: String,
}

impl Fits {
    /// Fills in the values. An error names the value from outside that is not there, or not to be compared with.
    pub fn of(all: &[Wanted], givens: &Givens<'_>) -> Result<Self, Lacking> {
        let mut fits = Self::default();
        for wanted in all {
            let mut any = Vec::with_capacity(wanted.any.len());
            for value in &wanted.any {
                any.extend(givens.keys(wanted.attribute.vr, value)?);
            }
            fits.add(&wanted.attribute.path, wanted.attribute.vr, any);
        }
        Ok(fits)
    }

    fn add(&mut self, path: &[Tag], vr: VR, any: Vec<Compared>) {
        match path {
            [] => {}
            [tag] => self.0.push(Fit::Value { tag: *tag, vr, any }),
            [sequence, rest @ ..] => {
                let same = self.0.iter_mut().find_map(|fit| match fit {
                    Fit::Item { tag, fits } if tag == sequence => Some(fits),
                    _ => None,
                });
                if let Some(fits) = same {
                    return fits.add(rest, vr, any);
                }
                let mut fits = Self::default();
                fits.add(rest, vr, any);
                self.0.push(Fit::Item { tag: *sequence, fits });
            }
        }
    }

    /// Whether an answer fits all of them. What it does not say, or says in characters that cannot be read, does not fit.
    pub fn matches(&self, answer: &dyn Attributes) -> bool {
        self.0.iter().all(|fit| match fit {
            Fit::Value { tag, any, .. } => {
                let text = answer.text(*tag);
                let text = text.as_deref().unwrap_or_default();
                any.iter().any(|compared| compared.key.matches(text))
            }
            Fit::Item { tag, fits } => answer.some_item(*tag, &mut |item| fits.matches(item)),
        })
    }

    /// The attributes at the top level that it looks at.
    pub fn tags(&self) -> impl Iterator<Item = Tag> {
        self.0.iter().map(|fit| match fit {
            Fit::Value { tag, .. } | Fit::Item { tag, .. } => *tag,
        })
    }

    /// Every attribute that it looks at: through which sequences, and itself.
    pub fn paths(&self) -> Vec<Vec<Tag>> {
        let mut paths = Vec::new();
        for fit in &self.0 {
            match fit {
                Fit::Value { tag, .. } => paths.push(vec![*tag]),
                Fit::Item { tag, fits } => {
                    paths.extend(fits.paths().into_iter().map(|rest| [vec![*tag], rest].concat()));
                }
            }
        }
        paths
    }

    /// Attributes at the top level that must have this one value.
    pub fn single(&self) -> impl Iterator<Item = (Tag, VR, &str)> {
        self.0.iter().filter_map(|fit| match fit {
            Fit::Value { tag, vr, any } => match any.as_slice() {
                [only] => Some((*tag, *vr, only.text.as_str())),
                _ => None,
            },
            Fit::Item { .. } => None,
        })
    }
}

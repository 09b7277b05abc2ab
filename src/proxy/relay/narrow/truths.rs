//! What answers about single images say of sealed ones: the archive knows the size of the banner, the ledger that of the
//! image. Where the ledger knows nothing, what could be a banner's is answered empty.
//!
//! Keys with values on such attributes are taken out of what the archive is asked, and matched here.

use super::super::stage::DataSet;
use super::super::wait::Woken;
use super::super::{Ending, Relay};
use super::querying::By;
use crate::dicom::dataset::Level;
use crate::dicom::dataset::record::Record;
use crate::dicom::matching::Attributes as _;
use crate::dicom::query::{self, Identifier, Model};
use crate::dicom::transfer_syntax::{Encoding, encoding_of};
use crate::dicom::{AeTitle, Tag, Uid};
use crate::gate::Permit;
use crate::state::{Repeats, State, StateFault};
use dicom_core::VR;
use std::collections::HashMap;

const FRAMES: Tag = Tag(0x0028, 0x0008);
const ROWS: Tag = Tag(0x0028, 0x0010);
const COLUMNS: Tag = Tag(0x0028, 0x0011);

/// Attributes of which the archive has those of the banner: Samples per Pixel, Photometric Interpretation, Planar
/// Configuration, Number of Frames, Rows, Columns, Bits Allocated, Bits Stored, High Bit, Pixel Representation, Smallest
/// and Largest Image Pixel Value.
const SEALED: [Tag; 12] = [
    Tag(0x0028, 0x0002),
    Tag(0x0028, 0x0004),
    Tag(0x0028, 0x0006),
    FRAMES,
    ROWS,
    COLUMNS,
    Tag(0x0028, 0x0100),
    Tag(0x0028, 0x0101),
    Tag(0x0028, 0x0102),
    Tag(0x0028, 0x0103),
    Tag(0x0028, 0x0106),
    Tag(0x0028, 0x0107),
];

/// So many instances of a study are known at once; of what is beyond, what could be a banner's is answered empty.
const INSTANCES: u32 = 10_000;
/// So many studies of one query.
const STUDIES: usize = 32;

/// What is known of the sealed images that a query may find.
#[derive(Debug, Default)]
pub struct Truths {
    /// Rows, columns and frames by SOP Instance UID.
    known: HashMap<Uid, (u16, u16, u32)>,
    /// Attributes that the caller asks for.
    asked: Vec<Tag>,
    /// Of these she asks a value.
    values: Vec<(Tag, String)>,
}

/// What has been found out, or could not be.
pub type Found = Result<Truths, StateFault>;

impl Truths {
    /// What the ledger knows of these studies.
    async fn find(state: &State, archive: AeTitle, repeats: Repeats, studies: Vec<Uid>) -> Found {
        let mut known = HashMap::new();
        for study in studies.iter().take(STUDIES) {
            for row in state.seals_of_study(archive, study, INSTANCES).await? {
                if let Some(seal) = row.current(repeats) {
                    known.insert(row.instance, (seal.rows, seal.columns, seal.frames));
                }
            }
        }
        Ok(Self { known, ..Self::default() })
    }

    /// Changes what the archive is asked.
    pub fn ask(&mut self, identifier: &mut Identifier) {
        for tag in SEALED {
            if !identifier.asked().has(&[tag]) {
                continue;
            }
            self.asked.push(tag);
            if identifier.asked().narrows(&[tag]) {
                let value = identifier.caller().text(tag).map(|text| text.trim().to_owned());
                // What cannot be read matches nothing.
                self.values.push((tag, value.unwrap_or_default()));
                identifier.empty_key(tag);
            }
        }
        // By their width others are told apart from banners.
        identifier.return_key(COLUMNS);
        identifier.return_key(query::INSTANCE);
    }

    /// Puts true values into an answer; `false`: with these it does not match what was asked.
    pub fn correct(&self, answer: &mut Record) -> bool {
        let truth = answer.uid(query::INSTANCE).and_then(|instance| self.known.get(&instance)).copied();
        if truth.is_some() || could_be_a_banner(answer) {
            for tag in &self.asked {
                set(answer, *tag, truth);
            }
        }
        self.values.iter().all(|(tag, wanted)| {
            let said = answer.text(*tag).map(|text| text.trim().to_owned()).unwrap_or_default();
            wanted.split('\\').any(|one| same(one.trim(), &said))
        })
    }
}

/// Whether an image of this width may be what carries a seal; one that says nothing of it may.
fn could_be_a_banner(answer: &Record) -> bool {
    let columns = answer.text(COLUMNS).and_then(|text| text.trim().parse::<u16>().ok());
    columns.is_none_or(|columns| columns >= 512 && columns.is_power_of_two())
}

/// Gives an attribute the value that is sealed; where that is not known, none.
fn set(answer: &mut Record, tag: Tag, truth: Option<(u16, u16, u32)>) {
    let big = answer.encoding() == Encoding::ExplicitBe;
    let short = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let set = match (tag, truth) {
        (ROWS, Some((rows, ..))) if rows > 0 => answer.set(tag, VR::US, short(rows).to_vec()),
        (COLUMNS, Some((_, columns, _))) if columns > 0 => answer.set(tag, VR::US, short(columns).to_vec()),
        (FRAMES, Some((.., frames))) if frames > 0 => answer.set_text(tag, VR::IS, &frames.to_string()),
        _ => {
            if answer.has(tag) {
                answer.empty(tag);
            }
            return;
        }
    };
    if set.is_err() {
        answer.empty(tag);
    }
}

/// Numbers are the same whatever zeros stand before them.
fn same(wanted: &str, said: &str) -> bool {
    match (wanted.parse::<i64>(), said.parse::<i64>()) {
        (Ok(wanted), Ok(said)) => wanted == said,
        _ => wanted == "*" || !said.is_empty() && wanted == said,
    }
}

impl Relay {
    /// Whether a query asks for single images and for what is sealed of them: its studies are looked up in the ledger first.
    /// `Err`: it goes on as always.
    pub(in super::super) fn begin_truths(&mut self, data: &DataSet, permit: Permit) -> Result<(), Permit> {
        self.truths = None;
        let Some((room, identifier)) = self.snapshot.vault.clone().zip(self.identifier_of(data)) else {
            return Err(permit);
        };
        let asks = SEALED.into_iter().any(|tag| identifier.asked().has(&[tag]));
        if identifier.level() != Some(Level::Image) || !asks {
            return Err(permit);
        }
        let studies = identifier.uids(query::STUDY).unwrap_or_default();
        let (state, archive) = (self.shared.state.clone(), self.called.title);
        let repeats = room.repeats(&archive);
        self.pending = Some(permit);
        self.up.wait =
            Some(Box::pin(
                async move { Woken::Truths(Box::new(Truths::find(&state, archive, repeats, studies).await)) },
            ));
        Ok(())
    }

    /// The ledger has answered, or cannot.
    pub(in super::super) fn go_on_with_truths(&mut self, data: &DataSet, found: Found) -> Result<(), Ending> {
        let Some(permit) = self.pending.take() else { return Ok(()) };
        let truths = found.unwrap_or_else(|fault| {
            tracing::warn!(%fault, archive = %self.called.to, "what is sealed is answered empty: the ledger cannot be asked");
            Truths::default()
        });
        self.truths = Some(Box::new(truths));
        match (permit.narrowing().cloned(), self.identifier_of(data)) {
            (Some(narrowing), _) => self.begin_query(data, permit, narrowing),
            (None, Some(identifier)) => self.ask_archive(data, permit, None, identifier, By::Answer(None)),
            (None, None) => {
                self.go_on(data.context, &data.command, permit);
                Ok(())
            }
        }
    }

    /// A query of images, where it can be read; what cannot is the archive's to refuse.
    fn identifier_of(&self, data: &DataSet) -> Option<Identifier> {
        let accepted = self.contexts.get(data.context)?;
        let model = Model::of(accepted.abstract_syntax)?;
        let encoding = encoding_of(accepted.transfer_syntax);
        Identifier::read(data.kept.clone()?, encoding, model, self.tolerances, self.record_limits()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::dataset::record::RecordLimits;
    use crate::dicom::dataset::write::DataSet as Written;
    use crate::dicom::dimse::Tolerances;

    fn number(value: u16) -> Vec<u8> {
        value.to_le_bytes().to_vec()
    }

    fn identifier(set: Written) -> Identifier {
        let bytes = set.with(query::LEVEL, b"CS", "IMAGE").encode(Encoding::ExplicitLe);
        let limits = RecordLimits::default();
        Identifier::read(bytes, Encoding::ExplicitLe, Model::StudyRoot, Tolerances::STRICT, limits).unwrap()
    }

    fn answer(set: Written) -> Record {
        let bytes = set.encode(Encoding::ExplicitLe);
        Record::read(bytes, Encoding::ExplicitLe, Tolerances::STRICT, RecordLimits::default()).unwrap()
    }

    fn banner(instance: &str) -> Record {
        answer(
            Written::new()
                .with(query::INSTANCE, b"UI", instance)
                .with(FRAMES, b"IS", "1")
                .with(ROWS, b"US", number(77))
                .with(COLUMNS, b"US", number(512))
                .with(Tag(0x0028, 0x0100), b"US", number(16)),
        )
    }

    fn truths(identifier: &mut Identifier) -> Truths {
        let known = [("1.5".parse().unwrap(), (2022, 1888, 3))].into_iter().collect();
        let mut truths = Truths { known, ..Truths::default() };
        truths.ask(identifier);
        truths
    }

    #[test]
    fn values_of_the_ledger_stand_in_for_those_of_the_banner() {
        let bits = Tag(0x0028, 0x0100);
        let mut asked = identifier(Written::new().with(FRAMES, b"IS", "").with(ROWS, b"US", "").with(bits, b"US", ""));
        let truths = truths(&mut asked);
        assert!(asked.record().has(COLUMNS) && asked.asked().is_added(&[COLUMNS]));
        let text = |record: &Record, tag| record.text(tag).map(|text| text.trim().to_owned());
        let mut sealed = banner("1.5");
        assert!(truths.correct(&mut sealed));
        assert_eq!(text(&sealed, ROWS).as_deref(), Some("2022"));
        assert_eq!(text(&sealed, FRAMES).as_deref(), Some("3"));
        assert_eq!(text(&sealed, bits).as_deref(), Some(""), "the ledger does not know them");
        let mut unknown = banner("1.6");
        assert!(truths.correct(&mut unknown));
        assert_eq!(text(&unknown, ROWS).as_deref(), Some(""));
        let mut plain = answer(Written::new().with(query::INSTANCE, b"UI", "1.7").with(ROWS, b"US", number(600)).with(
            COLUMNS,
            b"US",
            number(600),
        ));
        assert!(truths.correct(&mut plain));
        assert_eq!(text(&plain, ROWS).as_deref(), Some("600"), "no banner is so wide");
    }

    #[test]
    fn keys_are_matched_with_what_is_sealed() {
        for (wanted, sealed, plain) in [(2022, true, false), (77, false, false), (600, false, true)] {
            let mut asked = identifier(Written::new().with(ROWS, b"US", number(wanted)));
            let truths = truths(&mut asked);
            assert_eq!(asked.record().text(ROWS).as_deref(), Some(""), "the archive is asked for all");
            assert_eq!(truths.correct(&mut banner("1.5")), sealed, "{wanted}");
            assert!(!truths.correct(&mut banner("1.6")), "nothing is known of it");
            let mut image = answer(Written::new().with(ROWS, b"US", number(600)).with(COLUMNS, b"US", number(600)));
            assert_eq!(truths.correct(&mut image), plain, "{wanted}");
        }
    }
}

//! A query under way, and what becomes of one answer to it. Nothing is sent here.

use super::charge::Due;
use super::truths::Truths;
use crate::dicom::Uid;
use crate::dicom::dataset::record::{Edit, Record, RecordFault, RecordLimits};
use crate::dicom::dimse::{Command, Status, Tolerances};
use crate::dicom::pdu::pdata;
use crate::dicom::query::{self, Asked};
use crate::dicom::transfer_syntax::Encoding;
use crate::policy::Narrowing;
use crate::policy::model::Unit;
use crate::policy::narrow::Shown;
use crate::proxy::lookup::{Patient, Patients, StudyFacts};
use crate::transform::narrow::{Narrow, narrow};
use std::collections::VecDeque;
use std::sync::Arc;

/// So many bytes of answers are gathered before they go.
const GATHERED: usize = 64 * 1024;

/// What tells whether an answer may be seen.
#[derive(Debug)]
pub enum By {
    /// The answer itself, and for `where_patient` the patients that fulfil it.
    Answer(Option<Arc<Patients>>),
    /// The study that all answers belong to, the permits that show it, and what is known of it.
    Study(Uid, Shown, Option<Arc<StudyFacts>>),
}

/// How answers are written.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    /// The presentation context.
    pub context: u8,
    /// The longest P-DATA-TF that the caller takes, bytes.
    pub longest: u32,
}

/// A query of which only part of the answers may be seen.
#[derive(Debug)]
pub struct Querying {
    /// What somebody may see; `None`: everything.
    narrowing: Option<Arc<Narrowing>>,
    /// What is known of sealed images, where they are asked about.
    truths: Option<Box<Truths>>,
    asked: Asked,
    by: By,
    encoding: Encoding,
    limits: RecordLimits,
    way: Way,
    /// After how many answers the answers end, and how.
    most: Option<(u32, u16)>,
    /// Some permit has a budget.
    budgets: bool,
    /// Answers that have gone or will.
    pub shown: u32,
    /// Answers that were kept back.
    pub withheld: u32,
    /// Answers that budgets have not been asked about yet, in their order.
    pub waiting: VecDeque<Waiting>,
    /// PDUs that may go.
    ready: Vec<u8>,
    /// Commands of pending answers, by their status.
    pending: Vec<(Status, Vec<u8>)>,
    /// How it ends, once what waits has gone.
    pub end: Option<End>,
}

/// How a query ends.
#[derive(Debug)]
pub enum End {
    /// As the archive says.
    Archive(Box<Command>),
    /// With this status, whatever the archive says.
    Early {
        /// The status.
        status: Status,
        /// Why, for the caller.
        words: String,
        /// The archive has ended it too: nothing more of it comes.
        heard: bool,
    },
}

/// An answer that waits for its budgets.
#[derive(Debug)]
pub struct Waiting {
    record: Record,
    answer: Vec<u8>,
    shown: Shown,
    status: Status,
    due: Due,
}

/// What became of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It goes on, is kept for its budgets, or is kept back.
    More,
    /// As many answers have come as may: it goes no further.
    Enough,
    /// It would be shown, and is about this canary.
    Canary(Arc<str>),
}

impl Querying {
    /// A query that is about to be asked.
    pub fn new(
        narrowing: Option<Arc<Narrowing>>,
        asked: Asked,
        by: By,
        (encoding, limits): (Encoding, RecordLimits),
        way: Way,
    ) -> Self {
        let most = narrowing.as_ref().and_then(|narrowing| narrowing.max_results());
        let permits = narrowing.iter().flat_map(|narrowing| narrowing.permits());
        let budgets = permits.into_iter().any(|permit| permit.budget.is_some());
        Self {
            narrowing,
            truths: None,
            asked,
            by,
            encoding,
            limits,
            way,
            most,
            budgets,
            shown: 0,
            withheld: 0,
            waiting: VecDeque::new(),
            ready: Vec::new(),
            pending: Vec::new(),
            end: None,
        }
    }

    /// The same, with what is known of sealed images.
    pub fn with_truths(self, truths: Option<Box<Truths>>) -> Self {
        Self { truths, ..self }
    }

    /// What somebody may see; `None`: everything.
    pub const fn narrowing(&self) -> Option<&Arc<Narrowing>> {
        self.narrowing.as_ref()
    }

    /// Takes an answer with a pending status, all of it. `hash`: how items of budgets are named.
    ///
    /// # Errors
    /// It is damaged or past a limit.
    pub fn take(
        &mut self,
        data: Vec<u8>,
        command: &Command,
        hash: impl Fn(Unit, &[u8]) -> [u8; 16],
        canary: impl Fn(&Record) -> Option<Arc<str>>,
    ) -> Result<Taken, RecordFault> {
        let status = command.status.unwrap_or(Status::PENDING);
        let mut record = Record::read(data, self.encoding, Tolerances::ALL, self.limits)?;
        // With what is sealed it is not what was asked for.
        if self.truths.as_ref().is_some_and(|truths| !truths.correct(&mut record)) {
            return Ok(Taken::More);
        }
        let shown = self.judge(&record);
        let about = match &self.by {
            By::Study(.., Some(facts)) => facts.answers().first().unwrap_or(&record),
            By::Study(.., None) | By::Answer(_) => &record,
        };
        let due = match (shown.is_nothing(), self.narrowing.as_ref().filter(|_| self.budgets)) {
            (true, _) => {
                self.withheld = self.withheld.saturating_add(1);
                return Ok(Taken::More);
            }
            (false, Some(narrowing)) => Due::of(narrowing, shown, about, &hash),
            (false, None) => Due::FREE,
        };
        // One that is not shown says nothing of who asks.
        if let Some(name) = canary(about) {
            return Ok(Taken::Canary(name));
        }
        if due.is_unpayable() {
            self.withheld = self.withheld.saturating_add(1);
            return Ok(Taken::More);
        }
        let kept = (self.budgets && !(due.is_free() && self.waiting.is_empty())).then(|| record.clone());
        let Narrow::Answer(answer) = self.cut(record, shown) else {
            self.withheld = self.withheld.saturating_add(1);
            return Ok(Taken::More);
        };
        if let Some((most, status)) = self.most
            && self.shown.saturating_add(u32::try_from(self.waiting.len()).unwrap_or(u32::MAX)) >= most
        {
            self.end_early(Status(status), "more matches than may be shown");
            return Ok(Taken::Enough);
        }
        match kept {
            Some(record) => self.waiting.push_back(Waiting { record, answer, shown, status, due }),
            None => self.put(status, &answer),
        }
        Ok(Taken::More)
    }

    /// The permits that show an answer.
    fn judge(&self, record: &Record) -> Shown {
        let Some(narrowing) = &self.narrowing else { return Shown::of(0) };
        match &self.by {
            By::Answer(None) => narrowing.shows(record, narrowing.without_patient()),
            By::Answer(Some(patients)) => {
                let patient = Patient::of(record);
                narrowing.shows(record, patients.shown(patient.as_ref()))
            }
            By::Study(study, shown, _) if record.uid(query::STUDY).as_ref() == Some(study) => *shown,
            By::Study(..) => Shown::NOTHING,
        }
    }

    /// What of an answer is shown.
    fn cut(&self, mut record: Record, shown: Shown) -> Narrow {
        let Some(narrowing) = &self.narrowing else {
            record.edit_each(|path| if self.asked.is_added(path) { Edit::Remove } else { Edit::Keep });
            return Narrow::Answer(record.into_bytes());
        };
        narrow(record, narrowing, shown, &self.asked)
    }

    /// Budgets have been asked about the first of those that wait: so many have room; of each, the permits that have
    /// none are told.
    pub fn go_on(&mut self, granted: &[Shown]) {
        for spent in granted {
            let Some(Waiting { record, answer, shown, status, .. }) = self.waiting.pop_front() else { return };
            let left = without(shown, *spent);
            if left == shown {
                self.put(status, &answer);
            } else if let Narrow::Answer(answer) = self.cut(record, left) {
                self.put(status, &answer);
            } else {
                self.withheld = self.withheld.saturating_add(1);
            }
        }
    }

    /// The rest of what waits is not shown, and the query ends.
    pub fn end_early(&mut self, status: Status, words: &str) {
        let heard = matches!(self.end, Some(End::Archive(_) | End::Early { heard: true, .. }));
        self.end = Some(End::Early { status, words: words.to_owned(), heard });
    }

    /// What waits will not be shown.
    pub fn drop_waiting(&mut self) {
        let left = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
        self.withheld = self.withheld.saturating_add(left);
        self.waiting.clear();
    }

    /// What the answers that wait cost, in their order.
    pub fn due(&self) -> Vec<Due> {
        self.waiting.iter().map(|waiting| waiting.due.clone()).collect()
    }

    /// Whether nothing more comes.
    pub const fn is_over(&self) -> bool {
        self.end.is_some()
    }

    /// Whether so much is gathered that it should go.
    pub const fn has_gathered(&self) -> bool {
        self.ready.len() >= GATHERED
    }

    /// What may go now.
    pub fn ready(&mut self) -> Option<Vec<u8>> {
        (!self.ready.is_empty()).then(|| std::mem::take(&mut self.ready))
    }

    fn put(&mut self, status: Status, answer: &[u8]) {
        self.shown = self.shown.saturating_add(1);
        if let Some((_, command)) = self.pending.iter().find(|(known, _)| *known == status) {
            pdata::append_message(&mut self.ready, self.way.context, command, Some(answer), self.way.longest);
        }
    }

    /// Learns how pending answers of this status are worded. What an archive comments on may speak of what is hidden.
    pub fn learn(&mut self, command: &Command) {
        let status = command.status.unwrap_or(Status::PENDING);
        if !self.pending.iter().any(|(known, _)| *known == status) {
            let plain = Command { comment: None, offending: Vec::new(), data_set: true, ..command.clone() };
            self.pending.push((status, plain.encode()));
        }
    }
}

/// Those of the one that are not among the other.
pub fn without(shown: Shown, spent: Shown) -> Shown {
    shown.places().filter(|place| !spent.has(*place)).fold(Shown::NOTHING, |left, place| left.or(Shown::of(place)))
}

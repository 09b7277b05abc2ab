//! Budgets: every permit has its own, the first of those that show an answer and has room pays for it.

use super::super::wait::Woken;
use super::super::{Ending, Relay};
use super::querying::Querying;
use crate::dicom::dataset::record::Record;
use crate::dicom::dimse::Status;
use crate::dicom::matching::Attributes as _;
use crate::dicom::query::{self, PATIENT_ID};
use crate::policy::Narrowing;
use crate::policy::model::Unit;
use crate::policy::narrow::Shown;
use crate::state::{BudgetKey, State, StateFault};
use smallvec::SmallVec;
use std::sync::Arc;

/// What showing one answer costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The permits that may pay, by their places, in order.
    payers: SmallVec<[usize; 2]>,
    /// Behind them stands one without a budget.
    free: bool,
    study: Option<[u8; 16]>,
    patient: Option<[u8; 16]>,
}

/// What became of the answers that waited.
#[derive(Debug)]
pub struct Charged {
    /// Message id of the query.
    message: u16,
    outcome: Result<Granted, StateFault>,
}

/// What budgets had room for.
#[derive(Debug, Default)]
pub struct Granted {
    /// Of each answer with room, from the front: the permits that have none.
    pub spent: Vec<Shown>,
    /// The permits that would have to pay for the next one, and have no room.
    pub blown: Option<Shown>,
}

impl Due {
    /// Nobody pays.
    pub const FREE: Self = Self { payers: SmallVec::new_const(), free: true, study: None, patient: None };

    /// What showing this answer under these permits costs. `hash`: how items are named, by what they are.
    pub fn of(narrowing: &Narrowing, shown: Shown, answer: &Record, hash: impl Fn(Unit, &[u8]) -> [u8; 16]) -> Self {
        let mut due = Self { free: false, ..Self::FREE };
        for place in shown.places() {
            let Some(permit) = narrowing.permits().get(place) else { continue };
            match permit.budget.as_ref().map(|budget| budget.unit) {
                None => {
                    due.free = true;
                    break;
                }
                Some(Unit::Studies) => {
                    due.study = due.study.or_else(|| Some(hash(Unit::Studies, answer.uid(query::STUDY)?.as_bytes())));
                    due.payers.extend(due.study.map(|_| place));
                }
                Some(Unit::Patients) => {
                    let patient = answer.text(PATIENT_ID);
                    let patient = patient.as_deref().map(str::trim).filter(|id| !id.is_empty());
                    due.patient = due.patient.or_else(|| Some(hash(Unit::Patients, patient?.as_bytes())));
                    due.payers.extend(due.patient.map(|_| place));
                }
            }
        }
        due
    }

    /// What showing a patient costs: no study is shown.
    pub fn of_patient(
        narrowing: &Narrowing,
        shown: Shown,
        answer: &Record,
        hash: impl Fn(Unit, &[u8]) -> [u8; 16],
    ) -> Self {
        let counts_patients = |place: usize| {
            let budget = narrowing.permits().get(place).and_then(|permit| permit.budget.as_ref());
            budget.is_some_and(|budget| budget.unit == Unit::Patients)
        };
        match shown.places().find(|place| !counts_patients(*place)) {
            None => Self::of(narrowing, shown, answer, hash),
            Some(free) => {
                let payers = shown.places().take_while(|place| *place < free);
                let payers = payers.fold(Shown::NOTHING, |all, place| all.or(Shown::of(place)));
                Self { free: true, ..Self::of(narrowing, payers, answer, hash) }
            }
        }
    }

    /// Whether nobody pays.
    pub fn is_free(&self) -> bool {
        self.free && self.payers.is_empty()
    }

    /// Whether nobody can be charged: what is counted cannot be told.
    pub fn is_unpayable(&self) -> bool {
        !self.free && self.payers.is_empty()
    }

    const fn item(&self, unit: Unit) -> Option<[u8; 16]> {
        match unit {
            Unit::Studies => self.study,
            Unit::Patients => self.patient,
        }
    }
}

/// How budgets name a study or patient: without saying which it is.
pub fn named(state: &State, unit: Unit, item: &[u8]) -> [u8; 16] {
    let what: &[u8] = match unit {
        Unit::Studies => b"study",
        Unit::Patients => b"patient",
    };
    state.hash("item", &[what, item])
}

/// Charges for answers in their order, until one has no room.
///
/// # Errors
/// The state cannot be asked.
pub async fn charge(
    state: &State,
    narrowing: &Narrowing,
    subject: &Arc<str>,
    due: &[Due],
) -> Result<Granted, StateFault> {
    let mut granted = Granted::default();
    while let Some((first, rest)) = due.get(granted.spent.len()..).and_then(<[Due]>::split_first) {
        let alike = rest.iter().take_while(|next| next.payers == first.payers).count();
        let mut spent = Shown::NOTHING;
        let mut room = 0;
        for &place in &first.payers {
            let Some((permit, budget)) =
                narrowing.permits().get(place).and_then(|one| Some((one, one.budget.as_ref()?)))
            else {
                continue;
            };
            let run = std::iter::once(first).chain(rest.iter().take(alike));
            let items: Vec<[u8; 16]> = run.map_while(|due| due.item(budget.unit)).collect();
            let key = BudgetKey { rule: Arc::clone(&permit.rule), subject: Arc::clone(subject) };
            room = state.charge(&key, &items, budget.most, budget.window).await?;
            if room > 0 {
                break;
            }
            spent = spent.or(Shown::of(place));
        }
        match room {
            0 if first.free => granted.spent.push(spent),
            0 => {
                granted.blown = Some(spent);
                break;
            }
            room => granted.spent.extend(std::iter::repeat_n(spent, room)),
        }
    }
    Ok(granted)
}

impl Relay {
    /// The budgets are asked about what waits; nothing is read from the archive meanwhile.
    pub(super) fn charge_waiting(&mut self, message: u16, query: &Querying) {
        let (state, subject, due) = (self.shared.state.clone(), self.subject(), query.due());
        let Some(narrowing) = query.narrowing().cloned() else { return };
        self.called.down.wait = Some(Box::pin(async move {
            let outcome = charge(&state, &narrowing, &subject, &due).await;
            Woken::Charged(Box::new(Charged { message, outcome }))
        }));
    }

    /// What budgets had room for goes on.
    pub(in super::super) fn go_on_charged(&mut self, charged: Charged) -> Result<(), Ending> {
        let Charged { message, outcome } = charged;
        let Some((place, mut query)) = self.take_query(message) else { return Ok(()) };
        let mut tripped = None;
        match outcome {
            Ok(Granted { spent, blown }) => {
                query.go_on(&spent);
                if let Some(blown) = blown
                    && let Some(asked) = self.called.asked.get(place)
                {
                    query.drop_waiting();
                    if let Some(narrowing) = query.narrowing() {
                        let (words, ending) = self.blown(&asked.permit, narrowing, blown);
                        query.end_early(Status::OUT_OF_RESOURCES, &words);
                        tripped = ending;
                    }
                }
            }
            Err(fault) => {
                tracing::warn!(%fault, peer = %self.principal.name, "a query ends: its budgets cannot be asked");
                query.drop_waiting();
                let words = "the gateway cannot count this now";
                query.end_early(Status::OUT_OF_RESOURCES, words);
            }
        }
        self.put_query(place, query);
        self.go_on_querying(message)?;
        // What may still be seen has gone, and how it ended.
        tripped.map_or(Ok(()), Err)
    }
}

//! Tells the gateway what a round through an archive does, so that it stands in its audit log. A gateway that runs records it
//! within a second, one that does not when it starts.

use crate::audit::round::{RoundCounts, RoundNote, RoundStep};
use crate::dicom::{AeTitle, Uid};
use crate::proxy::vault::convert::Done;
use crate::state::{State, StateFault};

/// Tells.
pub struct Teller {
    state: State,
    gateway: String,
    blank: RoundNote,
}

/// Which object.
#[derive(Clone, Copy)]
pub struct Object<'a> {
    pub class: &'a Uid,
    pub instance: &'a Uid,
    pub study: Option<&'a Uid>,
}

impl Teller {
    /// For one round. `by`: who runs it.
    pub fn new(state: State, gateway: String, archive: &AeTitle, round: &str, by: String) -> Self {
        let blank = RoundNote {
            step: RoundStep::Begun,
            round: round.to_owned(),
            told: jiff::Timestamp::UNIX_EPOCH,
            by,
            archive: archive.to_string(),
            sop_class: None,
            instance: None,
            study: None,
            seal: None,
            bytes: None,
            words: String::new(),
            counts: None,
        };
        Self { state, gateway, blank }
    }

    /// The round begins.
    ///
    /// # Errors
    /// The state cannot be asked; nothing may be done unrecorded.
    pub async fn begun(&self, words: String) -> Result<(), StateFault> {
        self.tell(RoundNote { words, ..self.blank.clone() }).await
    }

    /// What became of an object. What was sealed before is counted at the end, not told one by one.
    ///
    /// # Errors
    /// The state cannot be asked.
    pub async fn done(&self, object: Object<'_>, done: &Done) -> Result<(), StateFault> {
        let (step, words) = match done {
            Done::Already => return Ok(()),
            Done::Sealed { .. } => (RoundStep::Sealed, String::new()),
            Done::Never(family) => (RoundStep::Left, format!("never sealed: {family}")),
            Done::Nothing => (RoundStep::Left, "there is nothing in it to be sealed".to_owned()),
            Done::Failed(why) => (RoundStep::Left, why.clone()),
            Done::Restored(why) => (RoundStep::Restored, why.clone()),
            Done::Kept { why, file } => (RoundStep::Kept, format!("{why}; what it held is `{}`", file.display())),
        };
        let (seal, bytes) = match done {
            Done::Sealed { seal, bytes } => (Some(seal.to_string()), Some(*bytes)),
            _ => (None, None),
        };
        self.tell(RoundNote {
            step,
            sop_class: Some(object.class.to_string()),
            instance: Some(object.instance.to_string()),
            study: object.study.map(ToString::to_string),
            seal,
            bytes,
            words,
            ..self.blank.clone()
        })
        .await
    }

    /// The round is over. `stopped`: before its end, and why.
    ///
    /// # Errors
    /// The state cannot be asked.
    pub async fn ended(&self, counts: RoundCounts, stopped: Option<&str>) -> Result<(), StateFault> {
        let words = stopped.map(|why| format!("stopped before the end: {why}")).unwrap_or_default();
        self.tell(RoundNote { step: RoundStep::Ended, words, counts: Some(counts), ..self.blank.clone() }).await
    }

    /// How much waits for the gateway.
    pub async fn waiting(&self) -> u64 {
        self.state.count_told(&self.gateway).await.unwrap_or_default()
    }

    async fn tell(&self, note: RoundNote) -> Result<(), StateFault> {
        let note = RoundNote { told: jiff::Timestamp::now(), ..note };
        let what = serde_json::to_string(&note).map_err(|fault| StateFault::Damaged(fault.to_string()))?;
        self.state.tell(&self.gateway, &what).await
    }
}

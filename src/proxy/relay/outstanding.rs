//! Requests that have gone and are not answered yet.

use super::narrow::Querying;
use super::retrieve::Again;
use super::sealing::Sealing;
use crate::audit::vault::Drift;
use crate::dicom::Uid;
use crate::dicom::dataset::Level;
use crate::dicom::dimse::{Command, Counters, Field};
use crate::gate::Permit;
use crate::policy::narrow::Shown;
use crate::policy::{Known, Narrowing, Query};
use crate::proxy::clock;
use crate::proxy::lookup::Resolved;
use crate::proxy::way_back::{Held, InFlight};
use std::collections::HashSet;
use std::sync::Arc;

/// A request that was forwarded and is not answered yet.
#[derive(Debug)]
pub struct Outstanding {
    /// Its message id, as the requester gave it.
    pub message: u16,
    /// Its message id on the way it went; another one only for a C-MOVE.
    pub sent_as: u16,
    /// Its presentation context, on which the requester sent it and is answered.
    pub context: u8,
    /// The presentation context on the way it went, on which it is answered; another one only for an object that is sealed
    /// or opened.
    pub sent_on: u8,
    /// What it was.
    pub field: Field,
    /// The permit under which it went.
    pub permit: Permit,
    /// When it came, seconds since 1970.
    pub since: i64,
    /// Bytes of data sets forwarded for it.
    pub bytes: u64,
    /// Answers with a pending status so far.
    pub answers: u32,
    /// Answers with a pending status that were kept back.
    pub withheld: u32,
    /// A sealed object: whether it goes on opened, and in what it differs from what was sealed.
    pub opened: Option<(bool, Drift)>,
    /// What else hangs on it.
    pub purpose: Purpose,
}

/// What else hangs on a request.
#[derive(Debug)]
pub enum Purpose {
    /// Nothing.
    Plain,
    /// Deliveries that the gateway carries.
    Move(Moving),
    /// What a retrieve may hand out, where rules spoke of what it asks.
    Retrieve(Box<Retrieving>),
    /// The grants under which an instance is delivered.
    Delivery(Vec<InFlight>),
    /// Only part of the answers may be seen.
    Query(Box<Querying>),
    /// An object that is sealed.
    Seal(Box<Sealing>),
    /// An object that was to be sealed and goes in clear: why, in one word.
    Clear(&'static str),
}

/// A query that has been ended before the called system ended it: what it still says of it is dropped, and until it says
/// its last the caller is not read from, so that no message id is used twice.
#[derive(Debug)]
pub struct Owed {
    /// Its message id.
    pub sent_as: u16,
    /// Its presentation context.
    pub context: u8,
}

/// A C-MOVE whose deliveries the gateway carries.
#[derive(Debug)]
pub struct Moving {
    /// Its grant; ended when dropped.
    pub held: Guarded,
    /// The archive has given its final answer.
    pub over: bool,
    /// What its last pending answer counted.
    pub counted: Counters,
    /// What it may hand out, where that is only part.
    pub confined: Option<Box<Confined>>,
}

/// A retrieve of which the level was told to the policy.
#[derive(Debug)]
pub struct Retrieving {
    /// (0008,0052) as the caller said it.
    pub level: Option<Level>,
    /// What it may hand out, where that is only part.
    pub confined: Option<Confined>,
    /// What is needed to ask it a second time, where that may be.
    pub(super) again: Option<Box<Again>>,
}

/// The part of a retrieve that may be handed out.
#[derive(Debug)]
pub struct Confined {
    /// By this narrowing.
    pub narrowing: Arc<Narrowing>,
    /// What was asked instead.
    pub resolved: Resolved,
    /// The permits that show each study of it and have room in their budgets, in the same order.
    pub shown: Vec<Shown>,
    /// Instances that the archive sent nevertheless, and that were refused to it.
    pub refused: HashSet<Uid>,
}

impl Confined {
    /// The permits that show a study, by the narrowing in force now; none where it was not asked for.
    pub fn shown(&self, study: &Uid, narrowing: &Narrowing) -> Shown {
        let mut studies = self.resolved.studies.iter().zip(&self.shown);
        match studies.find(|(facts, _)| facts.study() == study) {
            Some((_, shown)) if *self.narrowing == *narrowing => *shown,
            Some((facts, _)) => facts.shown(narrowing),
            None => Shown::NOTHING,
        }
    }
}

impl Purpose {
    /// What the policy is told of the request.
    pub const fn query(&self) -> Known<Query<'_>> {
        match self {
            Self::Retrieve(retrieving) => Known::Is(Query { level: retrieving.level, keys: &[] }),
            _ => Known::Unread,
        }
    }

    /// Whether only part of what is asked for may be handed out.
    pub const fn is_confined(&self) -> bool {
        self.confined().is_some()
    }

    /// The part that may be handed out, where it is not all.
    pub const fn confined(&self) -> Option<&Confined> {
        match self {
            Self::Retrieve(retrieving) => retrieving.confined.as_ref(),
            _ => None,
        }
    }

    /// What is needed to ask a retrieve a second time.
    pub(super) fn again(&self) -> Option<&Again> {
        match self {
            Self::Retrieve(retrieving) => retrieving.again.as_deref(),
            _ => None,
        }
    }

    /// The same, to note what comes.
    pub(super) fn again_mut(&mut self) -> Option<&mut Again> {
        match self {
            Self::Retrieve(retrieving) => retrieving.again.as_deref_mut(),
            _ => None,
        }
    }

    /// The same, to note what was refused.
    pub const fn confined_mut(&mut self) -> Option<&mut Confined> {
        match self {
            Self::Retrieve(retrieving) => retrieving.confined.as_mut(),
            _ => None,
        }
    }
}

/// A grant that ends when the move does, however it does.
#[derive(Debug)]
pub struct Guarded {
    held: Arc<Held>,
    grants: Arc<crate::proxy::way_back::Grants>,
    lag: std::time::Duration,
}

impl Guarded {
    /// `lag`: how long deliveries may come after the end.
    pub const fn new(held: Arc<Held>, grants: Arc<crate::proxy::way_back::Grants>, lag: std::time::Duration) -> Self {
        Self { held, grants, lag }
    }

    /// The grant.
    pub const fn held(&self) -> &Arc<Held> {
        &self.held
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.grants.finish(&self.held, self.lag);
    }
}

impl Outstanding {
    /// A request that goes as it came, or with other words under its own message id.
    pub fn new(context: u8, command: &Command, permit: Permit, purpose: Purpose) -> Self {
        let message = command.message_id.unwrap_or_default();
        let (sent_as, field) = (message, command.field);
        let (bytes, answers, withheld, opened) = (0, 0, 0, None);
        let (since, sent_on) = (clock::unix(), context);
        Self { message, sent_as, context, sent_on, field, permit, since, bytes, answers, withheld, opened, purpose }
    }

    /// Whether its answers have to be said in other words to whoever asked: it went on another context.
    pub const fn is_translated(&self) -> bool {
        self.sent_on != self.context
    }

    /// The final answer has come already and is being held back.
    pub fn is_over(&self) -> bool {
        match &self.purpose {
            Purpose::Move(moving) => moving.over,
            Purpose::Query(query) => query.is_over(),
            Purpose::Retrieve(_) => self.purpose.again().is_some_and(Again::is_between),
            Purpose::Plain | Purpose::Delivery(_) | Purpose::Clear(_) => false,
            Purpose::Seal(sealing) => sealing.is_answered(),
        }
    }
}

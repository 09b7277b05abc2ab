//! The association that lookups go over: opened with the first of them, kept as long as the relay.

use super::LookupFault;
use super::ask::{Asked, Question, ask};
use crate::archive::capacity::Place;
use crate::dicom::dataset::record::Record;
use crate::dicom::sop_class::{PATIENT_ROOT_FIND, STUDY_ROOT_FIND};
use crate::dicom::{AeTitle, Uid};
use crate::gate::LookingUp;
use crate::proxy::shared::Shared;
use crate::scu::{Accepted, Ask, Link, LinkFault, Target, proposal};
use bytes::Bytes;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How long the end of the association may take.
const RELEASE: Duration = Duration::from_secs(5);
/// Longest answer to a lookup, bytes.
const LONGEST: usize = 1 << 20;
/// The first byte of the Service Class Application Information (PS3.4 C.5.1.1): relational queries.
const RELATIONAL: u8 = 1;

/// Lookups at one archive on behalf of one association. One is made at a time.
pub struct Lookups {
    pub(super) shared: Arc<Shared>,
    pub(super) archive: AeTitle,
    /// The title that the archive sees.
    pub(super) calling: AeTitle,
    on_behalf: LookingUp,
    open: Mutex<Option<Open>>,
    heard: Arc<StdMutex<Instant>>,
}

/// The association itself.
pub(super) struct Open {
    pub(super) link: Link,
    _place: Place,
    message: u16,
    /// Study Root before Patient Root: there a study needs no patient beside it.
    roots: Vec<Root>,
    /// A question is under way; if it never ends, neither does the association in an orderly way.
    busy: bool,
    heard: Arc<StdMutex<Instant>>,
}

/// An information model that the archive answers queries in.
struct Root {
    context: Accepted,
    relational: bool,
}

impl Lookups {
    /// Nothing is opened yet. `calling`: the title under which the archive is to see the gateway.
    pub fn new(shared: Arc<Shared>, archive: AeTitle, calling: AeTitle, on_behalf: LookingUp) -> Self {
        let heard = Arc::new(StdMutex::new(Instant::now()));
        Self { shared, archive, calling, on_behalf, open: Mutex::new(None), heard }
    }

    /// Whether lookups for this archive and title are made here.
    pub fn is_for(&self, archive: AeTitle, calling: AeTitle) -> bool {
        self.archive == archive && self.calling == calling
    }

    /// When the archive last said something, or was asked.
    pub fn heard(&self) -> Instant {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Releases the association, if there is one.
    pub async fn release(&self) {
        let Some(mut open) = self.open.lock().await.take() else { return };
        open.link.set_patience(RELEASE);
        if open.busy {
            open.link.abort().await;
        } else {
            // Everything has been said.
            let _ = open.link.release().await;
        }
    }

    /// Asks the archive and hands over every answer. `relational`: the question leaves out keys above its level.
    pub(super) async fn ask(
        &self,
        question: &Question,
        relational: bool,
        take: &mut (dyn FnMut(Record) -> Result<(), LookupFault> + Send),
    ) -> Result<(), LookupFault> {
        let mut place = self.open.lock().await;
        loop {
            touch(&self.heard);
            // A question that was given up in the midst of its answers leaves nothing that could be used again.
            let old = place.as_ref().is_some_and(|open| !open.busy);
            if !old {
                *place = None;
                *place = Some(self.open().await?);
            }
            let Some(open) = place.as_mut() else { return Err(LookupFault::Gone) };
            let context = open.context(relational)?;
            let permit = self.shared.gate.look_up(&self.on_behalf).map_err(|_| LookupFault::Unrecorded)?;
            open.busy = true;
            match ask(open, permit, context, question, take).await {
                Ok(Asked::Done) => {
                    open.busy = false;
                    return Ok(());
                }
                // Archives close what is idle: one that has gone since the last lookup is called again.
                Ok(Asked::Broken(_)) if old => *place = None,
                Ok(Asked::Broken(fault)) => {
                    *place = None;
                    return Err(fault.into());
                }
                Err(fault @ LookupFault::Refused(_)) => {
                    open.busy = false;
                    return Err(fault);
                }
                Err(fault) => {
                    if let Some(open) = place.take() {
                        open.link.abort().await;
                    }
                    return Err(fault);
                }
            }
        }
    }

    /// How many of something the configuration allows.
    pub(super) fn most(&self, of: fn(&crate::config::Limits) -> u32) -> usize {
        usize::try_from(of(&self.shared.snapshot().settings.limits)).unwrap_or(usize::MAX)
    }

    async fn open(&self) -> Result<Open, LookupFault> {
        let snapshot = self.shared.snapshot();
        let wiring = snapshot.archive(&self.archive).ok_or(LookupFault::Gone)?;
        let archive = &wiring.settings;
        let place = self.shared.capacity.take(archive, false).map_err(|_| LookupFault::Full)?;
        let address = archive.address.to_string();
        let target = Target {
            address: &address,
            bind: archive.bind_address,
            within: &[],
            tls: wiring.tls.clone(),
            calling: self.calling,
            called: archive.ae_title,
            connect: archive.connect_timeout,
            answer: snapshot.settings.limits.association_answer,
        };
        let opened = dial(&target, archive.response_timeout).await;
        let (link, roots) = opened.inspect_err(|fault| {
            self.shared.metrics.archive_failures.with_label_values(&[archive.ae_title.as_str()]).inc();
            tracing::warn!(archive = %archive.ae_title, %fault, "no association for lookups");
        })?;
        touch(&self.heard);
        Ok(Open { link, _place: place, message: 0, roots, busy: false, heard: Arc::clone(&self.heard) })
    }
}

impl Open {
    /// The number of the next message.
    pub(super) const fn next_message(&mut self) -> u16 {
        self.message = if self.message == u16::MAX { 1 } else { self.message + 1 };
        self.message
    }

    /// The archive has said something.
    pub(super) fn heard(&self) {
        touch(&self.heard);
    }

    /// Where a question goes.
    fn context(&self, relational: bool) -> Result<Accepted, LookupFault> {
        let first = self.roots.first().ok_or(LookupFault::NotOffered)?;
        if !relational {
            return Ok(first.context);
        }
        let taken = self.roots.iter().find(|root| root.relational);
        taken.map(|root| root.context).ok_or(LookupFault::NotRelational)
    }
}

/// Asks for both roots, with relational queries (PS3.4 C.5.1.1).
async fn dial(target: &Target<'_>, patience: Duration) -> Result<(Link, Vec<Root>), LinkFault> {
    let classes = [STUDY_ROOT_FIND, PATIENT_ROOT_FIND].iter().filter_map(|class| Uid::new(class).ok());
    let asks: Vec<Ask> = classes.map(Ask::plain).collect();
    let mut request = proposal(target, &asks)?;
    request.user.extended = asks.iter().map(|ask| (ask.class, Bytes::from_static(&[RELATIONAL]))).collect();
    let mut link = Link::request(target, &request).await?.with_longest(LONGEST);
    link.set_patience(patience);
    let extended = &link.answer().user.extended;
    let relational = |class| extended.iter().any(|(of, bits)| *of == class && bits.first() == Some(&RELATIONAL));
    let roots = asks.iter().filter_map(|ask| link.accepted(&ask.class));
    let roots = roots.map(|context| Root { context, relational: relational(context.class) }).collect();
    Ok((link, roots))
}

fn touch(heard: &StdMutex<Instant>) {
    *heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
}

impl std::fmt::Debug for Lookups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lookups")
            .field("archive", &self.archive)
            .field("calling", &self.calling)
            .finish_non_exhaustive()
    }
}

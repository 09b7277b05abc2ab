//! Where open associations wait for reports: one mailbox each, found by peer and title.

use crate::dicom::commitment::{self, Report};
use crate::dicom::dimse::{Command, Field, Status};
use crate::dicom::transfer_syntax::Encoding;
use crate::dicom::{AeTitle, Uid};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, mpsc, oneshot};

/// Reports that one association may have in its mailbox; more wait with the courier.
const MOST_WAITING: usize = 4;
/// Transactions of one association that are remembered; of more, the newest.
const MOST_ASKED: usize = 64;
/// Titles whose associations opened and that the courier has not looked after yet; more wait for their time.
const MOST_OPENED: usize = 1024;

/// A report for an association that is open. Dropped unanswered, it is delivered another way.
#[derive(Debug)]
pub struct Delivery {
    report: Arc<Report>,
    answer: oneshot::Sender<Result<Status, Undelivered>>,
}

/// Why an association did not deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// It is ending, or has ended.
    #[error("the association ends")]
    Ending,
    /// Nothing was answered in time.
    #[error("the requester did not answer in time")]
    Silent,
}

impl Delivery {
    /// The N-EVENT-REPORT-RQ with this message id; `None` never, but UIDs are checked.
    pub fn command(&self, message_id: u16) -> Option<Command> {
        command(&self.report, message_id)
    }

    /// The data set, as the presentation context wants it.
    pub fn data_set(&self, encoding: Encoding) -> Vec<u8> {
        self.report.encode(encoding)
    }

    /// Tells the courier what the requester answered, or that it did not.
    pub fn answer(self, outcome: Result<Status, Undelivered>) {
        // A courier that no longer waits tries again by itself.
        let _ = self.answer.send(outcome);
    }
}

/// The N-EVENT-REPORT-RQ of a report (PS3.7 10.3.1.1).
pub(super) fn command(report: &Report, message_id: u16) -> Option<Command> {
    let class = Uid::new(commitment::SOP_CLASS).ok()?;
    let instance = Uid::new(commitment::SOP_INSTANCE).ok()?;
    let command = Command::n_request(Field::EventReportRq, message_id, &class, &instance, true);
    Some(Command { event_type: Some(report.event_type()), ..command })
}

/// Whose association it is: the peer's name, and the title that it called with.
type Whose = (Arc<str>, AeTitle);

/// All open mailboxes. Bounded by the associations that there are.
#[derive(Debug)]
pub struct Mailboxes {
    numbers: AtomicU64,
    wake: Arc<Notify>,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    open: HashMap<Whose, Vec<Entry>>,
    /// Since the courier last asked.
    opened: VecDeque<Whose>,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    sender: mpsc::Sender<Delivery>,
    asked: VecDeque<Uid>,
}

/// An association's own mailbox: closed when dropped.
#[derive(Debug)]
pub struct Mailbox {
    number: u64,
    whose: Whose,
    mailboxes: Arc<Mailboxes>,
    receiver: mpsc::Receiver<Delivery>,
}

impl Mailboxes {
    pub(super) fn new(wake: Arc<Notify>) -> Self {
        Self { numbers: AtomicU64::new(0), wake, books: Mutex::default() }
    }

    /// Opens a mailbox for an association on which the peer has Storage Commitment accepted as SCU. `peer`: its name;
    /// `title`: the one that it calls with. Reports that wait for it are offered at once.
    pub fn open(self: &Arc<Self>, peer: &Arc<str>, title: AeTitle) -> Mailbox {
        let (sender, receiver) = mpsc::channel(MOST_WAITING);
        let number = self.numbers.fetch_add(1, Relaxed);
        let whose = (Arc::clone(peer), title);
        let mut books = self.books();
        books.open.entry(whose.clone()).or_default().push(Entry { number, sender, asked: VecDeque::new() });
        if books.opened.len() < MOST_OPENED && !books.opened.contains(&whose) {
            books.opened.push_back(whose.clone());
        }
        drop(books);
        self.wake.notify_one();
        Mailbox { number, whose, mailboxes: Arc::clone(self), receiver }
    }

    /// Whose associations have opened since this was last asked.
    pub(super) fn opened(&self) -> VecDeque<Whose> {
        std::mem::take(&mut self.books().opened)
    }

    /// Puts a report into the mailbox of the association that asked for it, or of the one opened last. `None`: no
    /// association is there, or all their mailboxes are full.
    pub(super) fn post(
        &self,
        peer: &Arc<str>,
        title: AeTitle,
        report: &Arc<Report>,
    ) -> Option<oneshot::Receiver<Result<Status, Undelivered>>> {
        let books = self.books();
        let entries = books.open.get(&(Arc::clone(peer), title))?;
        let (asked, others): (Vec<_>, Vec<_>) =
            entries.iter().rev().partition(|entry| entry.asked.contains(&report.transaction));
        let (answer, mut answered) = oneshot::channel();
        let mut delivery = Delivery { report: Arc::clone(report), answer };
        for entry in asked.into_iter().chain(others) {
            match entry.sender.try_send(delivery) {
                Ok(()) => return Some(answered),
                Err(mpsc::error::TrySendError::Full(back) | mpsc::error::TrySendError::Closed(back)) => {
                    delivery = back;
                }
            }
        }
        answered.close();
        None
    }

    /// Whole values at every moment, so a thread that panicked with the lock left nothing half done.
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mailbox {
    /// The next report for this association. Dropped while it waits, nothing is lost.
    pub async fn next(&mut self) -> Option<Delivery> {
        self.receiver.recv().await
    }

    /// Notes that this association has asked, so that the report comes here if several are open.
    pub fn asked(&self, transaction: Uid) {
        let mut books = self.mailboxes.books();
        let entries = books.open.get_mut(&self.whose);
        let Some(entry) = entries.into_iter().flatten().find(|entry| entry.number == self.number) else { return };
        if entry.asked.len() >= MOST_ASKED {
            entry.asked.pop_front();
        }
        entry.asked.push_back(transaction);
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        let mut books = self.mailboxes.books();
        if let Some(entries) = books.open.get_mut(&self.whose) {
            entries.retain(|entry| entry.number != self.number);
            if entries.is_empty() {
                books.open.remove(&self.whose);
            }
        }
    }
}

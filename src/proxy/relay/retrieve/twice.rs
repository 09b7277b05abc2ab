//! What is kept of a C-GET so that it can be asked a second time, and what both answers say together.

use crate::dicom::Uid;
use crate::dicom::dimse::{Command, Counters, Status, StatusKind};
use std::collections::HashSet;

/// A C-GET that may be asked a second time.
#[derive(Debug)]
pub(in super::super) struct Again {
    /// As it went to the archive.
    pub(super) command: Command,
    /// As it went to the archive.
    pub(super) identifier: Vec<u8>,
    /// Instances that the archive has sent for it.
    sent: HashSet<Uid>,
    /// It sent more than are kept apart.
    overflown: bool,
    turn: Turn,
}

#[derive(Debug)]
enum Turn {
    First,
    /// The first answer is there, and it is being found out whether there is a second turn.
    Between {
        cancelled: bool,
    },
    Second(Box<Second>),
}

#[derive(Debug)]
struct Second {
    /// The answer of the first turn.
    first: Said,
    /// Instances that have come in this turn and had not before.
    anew: HashSet<Uid>,
    /// So many came again, and were dropped.
    repeated: u16,
}

/// An answer to a retrieve.
#[derive(Debug, Clone)]
pub(in super::super) struct Said {
    /// Its command.
    pub(super) command: Command,
    /// Its Failed SOP Instance UID List.
    pub(super) failed: Vec<Uid>,
    /// Its data set as it came; `None`: it says what no archive did.
    pub(super) as_it_came: Option<Vec<u8>>,
}

impl Again {
    /// Asked with this command and identifier.
    pub(super) fn new(command: Command, identifier: Vec<u8>) -> Self {
        Self { command, identifier, sent: HashSet::new(), overflown: false, turn: Turn::First }
    }

    /// The archive sends an instance. Whether it is to be dropped, since it did so in the first turn. `most`: how many are
    /// kept apart.
    pub(super) fn comes(&mut self, instance: &Uid, most: usize) -> bool {
        let second = match &mut self.turn {
            Turn::Second(second) => Some(second),
            _ => None,
        };
        if self.sent.contains(instance) {
            // Twice in one turn is what the archive wants.
            return second
                .filter(|second| !second.anew.contains(instance))
                .map(|second| second.repeated = second.repeated.saturating_add(1))
                .is_some();
        }
        match self.sent.len() < most {
            true => {
                self.sent.insert(*instance);
                second.map(|second| second.anew.insert(*instance));
            }
            false => self.overflown = true,
        }
        false
    }

    /// Whether its answers do not go on as they come.
    pub(super) const fn is_taken_whole(&self, answer: &Command) -> bool {
        let fails = matches!(answer.counters.failed, Some(1..));
        match self.turn {
            Turn::First => fails && matches!(answer.status, Some(status) if status.is_final()) && !self.overflown,
            Turn::Between { .. } | Turn::Second(_) => true,
        }
    }

    /// It has been answered, and nothing has been sent a second time.
    pub(in super::super) const fn is_between(&self) -> bool {
        matches!(self.turn, Turn::Between { .. })
    }

    /// The caller wants no more of it.
    pub(super) fn cancel(&mut self) {
        if let Turn::Between { cancelled } = &mut self.turn {
            *cancelled = true;
        }
    }

    /// What failed in the first turn and never came, where something did not and it may be asked a second time: an empty
    /// list where the archive gives none.
    pub(super) fn missing(&mut self, said: &Said) -> Option<Vec<Uid>> {
        let over = said.command.status.is_some_and(|status| status.kind() != StatusKind::Cancel);
        if !matches!(self.turn, Turn::First) || self.overflown || !over {
            return None;
        }
        let missing: Vec<Uid> = said.failed.iter().filter(|uid| !self.sent.contains(uid)).copied().collect();
        let Counters { completed, failed, warning, .. } = said.command.counters;
        let all: usize = [completed, failed, warning].into_iter().flatten().map(usize::from).sum();
        let any = if said.failed.is_empty() { all > self.sent.len() } else { !missing.is_empty() };
        any.then(|| {
            self.turn = Turn::Between { cancelled: false };
            missing
        })
    }

    /// The second turn begins. Whether it does.
    pub(super) fn begin(&mut self, first: &Said) -> bool {
        if !matches!(self.turn, Turn::Between { cancelled: false }) {
            return false;
        }
        self.turn = Turn::Second(Box::new(Second { first: first.clone(), anew: HashSet::new(), repeated: 0 }));
        true
    }

    /// What an answer says together with that of the first turn, if there was one; `None`: it is a pending one, which
    /// would only count from the beginning.
    pub(super) fn together(&self, said: Said) -> Option<Said> {
        let Turn::Second(second) = &self.turn else { return Some(said) };
        let status = said.command.status.filter(|status| status.is_final())?;
        let Second { first, anew, repeated } = &**second;
        let came = anew.iter().filter(|uid| !said.failed.contains(uid)).count();
        let came = u16::try_from(came).unwrap_or(u16::MAX);
        let more = said.command.counters;
        let warned = more.warning.unwrap_or(0);
        let completed = more.completed.map_or(came, |completed| completed.saturating_sub(*repeated));
        let before = first.command.counters;
        let counters = Counters {
            remaining: more.remaining,
            completed: Some(before.completed.unwrap_or(0).saturating_add(completed)),
            failed: before.failed.map(|failed| failed.saturating_sub(completed).saturating_sub(warned)),
            warning: Some(before.warning.unwrap_or(0).saturating_add(warned)),
        };
        let still = |uid: &&Uid| !anew.contains(uid) || said.failed.contains(uid);
        let failed: Vec<Uid> = first.failed.iter().filter(still).copied().collect();
        let fails = counters.failed != Some(0);
        let some = counters.completed != Some(0) || counters.warning != Some(0);
        let status = match status.kind() {
            StatusKind::Cancel => Some(status),
            _ if !fails && counters.warning == Some(0) => Some(Status::SUCCESS),
            _ if some => Some(Status::SUB_OPERATIONS_WARNING),
            _ => first.command.status,
        };
        let comment = first.command.comment.clone().filter(|_| fails);
        let command = Command { status, counters, comment, data_set: !failed.is_empty(), ..said.command };
        Some(Said { command, failed, as_it_came: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(number: u32) -> Uid {
        Uid::new(format!("1.2.{number}")).unwrap()
    }

    fn get() -> Command {
        Command::get_rq(7, &uid(0))
    }

    fn said(status: Status, completed: u16, failed: &[u32], warning: u16) -> Said {
        let count = u16::try_from(failed.len()).unwrap();
        let counters =
            Counters { remaining: None, completed: Some(completed), failed: Some(count), warning: Some(warning) };
        let command = get().response(status).unwrap();
        let failed: Vec<Uid> = failed.iter().copied().map(uid).collect();
        Said { command: Command { counters, ..command }, failed, as_it_came: Some(Vec::new()) }
    }

    fn again(sent: &[u32]) -> Again {
        let mut again = Again::new(get(), Vec::new());
        assert!(sent.iter().all(|number| !again.comes(&uid(*number), 100)));
        again
    }

    fn counted(said: &Said) -> (Option<Status>, [Option<u16>; 3], &[Uid]) {
        let counters = said.command.counters;
        (said.command.status, [counters.completed, counters.failed, counters.warning], &said.failed)
    }

    const SOME: Status = Status::SUB_OPERATIONS_WARNING;

    #[test]
    fn what_came_is_not_asked_for_again() {
        // 2 came, and whoever asked did not take it.
        let first = said(SOME, 1, &[2], 0);
        assert!(again(&[1, 2]).missing(&first).is_none());
        assert_eq!(again(&[1]).missing(&first), Some(vec![uid(2)]));
        let unlisted = Said { failed: Vec::new(), ..first.clone() };
        assert!(again(&[1, 2]).missing(&unlisted).is_none());
        assert_eq!(again(&[1]).missing(&unlisted), Some(Vec::new()));
        let cancelled = Said { command: Command { status: Some(Status::CANCEL), ..first.command }, ..first };
        assert!(again(&[1]).missing(&cancelled).is_none());
    }

    #[test]
    fn more_than_are_kept_apart_are_asked_for_once() {
        let mut many = again(&[1]);
        assert!(!many.comes(&uid(2), 1));
        let first = said(SOME, 2, &[3], 0);
        assert!(many.missing(&first).is_none() && !many.is_taken_whole(&first.command));
    }

    #[test]
    fn both_turns_are_answered_as_one() {
        let mut twice = again(&[1, 2]);
        // 2 was not taken; 3 and 4 never came.
        let first = said(SOME, 1, &[2, 3, 4], 0);
        assert!(twice.is_taken_whole(&first.command));
        assert_eq!(twice.missing(&first), Some(vec![uid(3), uid(4)]));
        assert!(twice.is_between() && twice.begin(&first));
        assert!(twice.comes(&uid(1), 100) && twice.comes(&uid(2), 100), "dropped");
        assert!(!twice.comes(&uid(3), 100) && !twice.comes(&uid(3), 100));
        assert!(twice.together(said(Status::PENDING, 1, &[], 0)).is_none());
        let all = twice.together(said(SOME, 3, &[4], 0)).unwrap();
        assert_eq!(counted(&all), (Some(SOME), [Some(2), Some(2), Some(0)], &[uid(2), uid(4)][..]));
        let cancelled = twice.together(said(Status::CANCEL, 3, &[], 0)).unwrap();
        assert_eq!(cancelled.command.status, Some(Status::CANCEL));
    }

    #[test]
    fn what_all_comes_in_the_second_turn_is_a_success() {
        let refused = Status::OUT_OF_RESOURCES_SUB_OPERATIONS;
        let mut twice = again(&[]);
        let first = said(refused, 0, &[1, 2], 0);
        assert!(twice.missing(&first).is_some() && twice.begin(&first));
        assert!(!twice.comes(&uid(1), 100) && !twice.comes(&uid(2), 100));
        let all = twice.together(said(Status::SUCCESS, 2, &[], 0)).unwrap();
        assert_eq!(counted(&all), (Some(Status::SUCCESS), [Some(2), Some(0), Some(0)], &[][..]));
        assert!(!all.command.data_set);
        let warned = twice.together(said(SOME, 1, &[], 1)).unwrap();
        assert_eq!(counted(&warned), (Some(SOME), [Some(1), Some(0), Some(1)], &[][..]));
        let none = twice.together(said(refused, 0, &[1, 2], 0)).unwrap();
        assert_eq!(counted(&none), (Some(refused), [Some(0), Some(2), Some(0)], &[uid(1), uid(2)][..]));
    }

    #[test]
    fn what_is_cancelled_between_the_turns_has_no_second() {
        let mut twice = again(&[]);
        let first = said(SOME, 0, &[1], 0);
        assert!(twice.missing(&first).is_some());
        twice.cancel();
        assert!(!twice.begin(&first));
    }
}

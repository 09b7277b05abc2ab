//! What says nothing about sealed objects: an association that ended, an archive that is busy. It is tried again, a bounded
//! number of times; what lasts was not found out.

use crate::dicom::dimse::Status;
use crate::scu::{Ask, Link, LinkFault, Target};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Waited for a free association first: an archive that bears one alone needs a moment to see that the last is over.
const SHORT: &[Duration] = &[Duration::from_millis(100), Duration::from_millis(400)];
/// One object is tried so often, at most.
pub(super) const TRIES: usize = 4;
/// When so many in a row were not found out, the others are not asked for.
pub(super) const MOST_UNASKED: usize = 5;

/// How long is waited in all, for one half of a proof.
#[derive(Debug)]
pub(super) struct Patience {
    pauses: &'static [Duration],
    left: Mutex<Duration>,
}

impl Patience {
    /// Waits so long before each try of an association, and so long in all between tries of objects.
    pub fn new(pauses: &'static [Duration]) -> Self {
        Self { pauses, left: Mutex::new(pauses.iter().sum()) }
    }

    /// Before the next try of one object; `false`: it was the last. Some archives end the association after each object: the
    /// second try comes at once.
    pub async fn again(&self, tried: usize, busy: bool) -> bool {
        if tried >= TRIES {
            return false;
        }
        let place = if busy { Some(tried.saturating_sub(1)) } else { tried.checked_sub(2) };
        let wanted = place.and_then(|place| self.pauses.get(place)).copied().unwrap_or_default();
        let pause = {
            let Ok(mut left) = self.left.lock() else { return false };
            let pause = wanted.min(*left);
            *left = left.saturating_sub(pause);
            pause
        };
        tokio::time::sleep(pause).await;
        true
    }

    /// An association; waited for where the archive may have none to spare now (`known`: it has answered before, and may be
    /// starting anew).
    pub async fn open(&self, target: &Target<'_>, asks: &[Ask], known: bool) -> Result<Link, LinkFault> {
        let (since, most) = (Instant::now(), self.pauses.iter().sum::<Duration>());
        let mut pauses = self.waits();
        loop {
            match Link::open(target, asks).await {
                Err(fault) if may_pass(&fault, known) && since.elapsed() <= most => match pauses.next() {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(fault),
                },
                link => return link,
            }
        }
    }

    /// The pauses before each further try of an association.
    pub fn waits(&self) -> impl Iterator<Item = Duration> + Send + use<> {
        let short = if self.pauses.is_empty() { &[] } else { SHORT };
        short.iter().chain(self.pauses).copied()
    }
}

/// Whether there may be an association in a moment.
pub(super) fn may_pass(fault: &LinkFault, known: bool) -> bool {
    match fault {
        // "Rejected-transient" (PS3.8 9.3.4).
        LinkFault::Rejected(rejected) => rejected.result == 2,
        LinkFault::Aborted(_) | LinkFault::HungUp | LinkFault::Released => true,
        LinkFault::Away(_) | LinkFault::Silent => known,
        _ => false,
    }
}

/// Whether a fault of an association says nothing about what was sent on it.
pub(super) fn proves_nothing(fault: &LinkFault) -> bool {
    may_pass(fault, true) || matches!(fault, LinkFault::Context(_))
}

/// Whether a status says nothing about the object: out of resources (PS3.4 B.2.3, C.4.3.1.4), or the C001H of those that fail
/// for a reason of their own.
pub(super) const fn is_busy(status: Status) -> bool {
    matches!(status.0, 0xa700 | 0xa701 | 0xa703..=0xa7ff | 0xc001)
}

#[cfg(test)]
mod tests {
    use super::{is_busy, may_pass, proves_nothing};
    use crate::dicom::dimse::Status;
    use crate::dicom::pdu::AssociateRj;
    use crate::scu::LinkFault;

    #[test]
    fn what_passes_proves_nothing() {
        let rejected = |result| LinkFault::Rejected(AssociateRj { result, source: 3, reason: 2 });
        assert!(may_pass(&rejected(2), false) && !may_pass(&rejected(1), true));
        assert!(may_pass(&LinkFault::HungUp, false) && proves_nothing(&LinkFault::Released));
        assert!(!may_pass(&LinkFault::Silent, false) && may_pass(&LinkFault::Silent, true));
        assert!(!proves_nothing(&LinkFault::NotOffered("nothing")));
        for busy in [0xa700, 0xc001] {
            assert!(is_busy(Status(busy)));
        }
        for lasting in [0x0000, 0x0110, 0x0111, 0x0122, 0xa900, 0xa702, 0xb000] {
            assert!(!is_busy(Status(lasting)), "{lasting:x}");
        }
    }
}

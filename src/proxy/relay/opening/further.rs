//! One more association with the destination of deliveries, for an object that fits no context that it has accepted.
//!
//! It is asked for here, behind the ledger and before the first byte has gone, since in which transfer syntax an object was
//! sealed is known only once its seal has been looked into, and whether it goes on at all only from the ledger. The object
//! waits for it as it does for the ledger: nothing more is read of its sender, so nothing piles up. What is accepted is one
//! leg more, with contexts beside the caller's, as a second association is from the beginning: release, abort, permits,
//! records and counters need to know nothing of it.
//!
//! It is asked for before anything is decoded: what was sealed comes back bit for bit wherever the destination takes it.

use super::super::called::{Called, CalledSide};
use super::super::wait::Woken;
use super::super::{End, Ending, Relay};
use super::decide::Onward;
use super::{Opening, place};
use crate::dicom::Uid;
use crate::dicom::negotiation::extras::{accepted_extras, ask_for_extras, declined};
use crate::dicom::negotiation::{Extra, Roles, Wanted};
use crate::dicom::pdu::{AssociateAc, AssociateRq};
use crate::dicom::transfer_syntax::{Encoding, is_encapsulated};
use crate::proxy::associate::further::{Asked, NotHad, ask};
use crate::proxy::vault::contexts::natives;
use std::sync::Arc;

/// What a destination may still be asked for, while deliveries go to it.
#[derive(Debug)]
pub struct Further {
    /// As it was asked first, without contexts.
    asked: AssociateRq,
    /// SOP classes and transfer syntaxes that it was asked for and did not take: it is not asked twice.
    declined: Vec<(Uid, Uid)>,
    /// So many more associations it was asked for.
    count: u32,
    /// It could not be had once more, and is left in peace: why.
    over: Option<String>,
}

impl Further {
    /// For a destination that was asked this.
    pub fn new(asked: &AssociateRq) -> Self {
        let asked = AssociateRq { contexts: Vec::new(), ..asked.clone() };
        Self { asked, declined: Vec::new(), count: 0, over: None }
    }

    /// It was asked this, and has answered.
    pub fn heard(&mut self, asked: &AssociateRq, ac: &AssociateAc) {
        self.declined.extend(declined(asked, ac));
    }

    fn has_declined(&self, class: &Uid, syntax: &Uid) -> bool {
        self.declined.iter().any(|(of, known)| of == class && known == syntax)
    }
}

/// What a destination says to being asked for more.
pub(in super::super) struct More {
    /// The object that waits for it.
    onward: Onward,
    proposed: AssociateRq,
    outcome: Result<Asked, NotHad>,
}

impl Relay {
    /// What the destination is to be asked for so that an object goes as it was; nothing where it does already, and where
    /// asking is of no use.
    pub(super) fn lacks(&self, opening: &Opening, onward: &Onward) -> Vec<Wanted> {
        let Some(further) = &self.further else { return Vec::new() };
        let (class, syntax) = (opening.class, onward.original.unwrap_or(opening.syntax));
        let takes = self.takes(End::Caller, &class);
        let fits = match &onward.original {
            Some(original) => place::opened(&takes, original).is_some_and(|opens| !opens.decode),
            None => place::as_it_is(&takes, opening.context, &syntax).is_some(),
        };
        let most = self.snapshot.settings.limits.further_associations;
        if fits || further.over.is_some() || further.count >= most || further.has_declined(&class, &syntax) {
            return Vec::new();
        }
        let context =
            |transfer_syntaxes: Vec<Uid>| Wanted { abstract_syntax: class, transfer_syntaxes, roles: Roles::DEFAULT };
        let mut wanted = vec![context(vec![syntax])];
        // What is not opened is not decoded.
        let decodes = || onward.original.is_some() && self.decoding(&syntax, Encoding::ExplicitLe).is_ok();
        let written_anew = place::is_native(&syntax) || is_encapsulated(&syntax) && decodes();
        if written_anew && !takes.iter().any(|takes| place::is_native(&takes.syntax)) {
            let mut natives = natives();
            natives.retain(|native| !further.has_declined(&class, native));
            wanted.extend((!natives.is_empty()).then(|| context(natives)));
        }
        wanted
    }

    /// Asks the destination, under the permit of the object that waits for it.
    pub(super) fn ask_for_more(&mut self, onward: Onward, wanted: Vec<Wanted>) {
        let Some(further) = &mut self.further else { return };
        further.count = further.count.saturating_add(1);
        let proposed = ask_for_extras(&further.asked, wanted);
        let (shared, snapshot, title) = (Arc::clone(&self.shared), Arc::clone(&self.snapshot), self.called.title);
        self.up.wait = Some(Box::pin(async move {
            let outcome = ask(&shared, &snapshot, title, &proposed).await;
            Woken::Further(Box::new(More { onward, proposed, outcome }))
        }));
    }

    /// The destination has answered, or cannot be had. The object goes where it fits now, if it does.
    pub(in super::super) fn go_on_with_more(&mut self, more: More) -> Result<(), Ending> {
        let More { onward, proposed, outcome } = more;
        let Some(further) = &mut self.further else { return Ok(()) };
        match outcome {
            Ok(Asked { side, ac }) => {
                further.heard(&proposed, &ac);
                if let Some(side) = side {
                    self.add_leg(side, &proposed, &ac);
                }
            }
            Err(NotHad { cause, words }) => {
                let refusal = self.shared.gate.missed(&self.visit, &self.called.to, cause, &words);
                let incident = refusal.incident.map(tracing::field::display);
                let (association, destination) = (self.visit.id(), &self.called.to);
                tracing::warn!(%destination, %association, incident, %words, "the destination has no further association");
                further.over = Some(words);
            }
        }
        self.find_place(End::Caller, onward)
    }

    fn add_leg(&mut self, side: CalledSide, proposed: &AssociateRq, ac: &AssociateAc) {
        // The limit is far below what a number holds.
        let Ok(number) = u8::try_from(self.others.len().saturating_add(1)) else { return };
        let Some(called) = Called::new(number, side) else { return };
        let extras: Vec<Extra> = accepted_extras(number, proposed, proposed, ac, true);
        self.shared.metrics.archive_associations.with_label_values(&[&*called.to]).inc();
        self.contexts.add_further(number, extras);
        self.others.push(called);
    }

    /// Why the destination is not asked to take this, as the end of a sentence; empty where it was.
    pub(super) fn no_more(&self, from: End, class: &Uid, syntax: &Uid) -> String {
        let Some(further) = self.further.as_ref().filter(|_| from == End::Caller) else { return String::new() };
        match &further.over {
            _ if further.has_declined(class, syntax) => String::new(),
            Some(words) => format!("; one more association with it is not to be had ({words})"),
            None => "; `further_associations` allows no more associations with it".to_owned(),
        }
    }
}

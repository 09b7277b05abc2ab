//! It is known what an object is and what the ledger knows of it: where and how it goes on.

use super::super::outstanding::{Outstanding, Purpose};
use super::super::refuse::transient;
use super::super::rewrite::Transform;
use super::super::stage::Stage;
use super::super::{End, Ending, Relay};
use super::fail::Stays;
use super::judge::{Compressed, Question, Verdict, judge};
use super::place::{self, Opens, Place, Takes};
use super::{Opening, Pipe, Whom};
use crate::audit::vault::Drift;
use crate::config::vault::{IdentityDrift, OpenHow, SealWhat};
use crate::dicom::Uid;
use crate::dicom::dimse::Status;
use crate::dicom::transfer_syntax::{self, Encoding, encoding_of, is_encapsulated, is_lossy};
use crate::proxy::vault::decode::{DecodeFault, Decoding, WorkerFault};
use crate::state::{SealRow, StateFault};
use crate::transform::hide::HideFault;
use crate::transform::open::Found;
use crate::vault::family::{Family, Treatment};
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

/// How an object goes on, before it is known where.
#[derive(Debug, Clone, Copy)]
pub(super) struct Onward {
    /// It goes on opened, and was sealed in this transfer syntax; `None`: as it is.
    pub(super) original: Option<Uid>,
    /// For the record: it is sealed, and goes on opened or not.
    pub(super) opened: Option<(bool, Drift)>,
}

/// How an object goes on.
struct Going {
    place: Place,
    /// Opened so; `None`: as it is.
    opens: Option<Opens>,
    /// For the record: it is sealed, and goes on opened or not.
    opened: Option<(bool, Drift)>,
}

impl Relay {
    /// The ledger has answered, or cannot.
    pub(in super::super) fn go_on_with_ledger(
        &mut self,
        from: End,
        row: Result<Option<SealRow>, StateFault>,
    ) -> Result<(), Ending> {
        if from == End::Called
            && let Stage::Data(data) = &self.called.down.stage
            && let Some(walk) = &data.walk
        {
            self.ask_canaries(walk)?;
        }
        let Some((opening, pipe)) = self.looked_into(from) else { return Ok(()) };
        let Some(found) = pipe.found() else { return Ok(()) };
        let onward = match row {
            Ok(row) => self.onward(from, opening, found, row.as_ref()),
            Err(fault) => {
                tracing::error!(%fault, "an object of an archive is refused for now: the ledger cannot be asked");
                Err(Stays::kept(transient(opening.command.field), "the gateway cannot ask its ledger now"))
            }
        };
        match onward {
            Ok(onward) => self.find_place(from, onward),
            Err(stays) => self.keep_back(from, stays),
        }
    }

    /// It may go on: where whoever receives it takes it, who may be asked to take more.
    pub(super) fn find_place(&mut self, from: End, onward: Onward) -> Result<(), Ending> {
        let Some((opening, _)) = self.looked_into(from) else { return Ok(()) };
        let lacks = if from == End::Caller { self.lacks(opening, &onward) } else { Vec::new() };
        if !lacks.is_empty() {
            self.ask_for_more(onward, lacks);
            return Ok(());
        }
        match self.going(from, opening, onward) {
            Ok(going) => self.send_on(from, &going),
            Err(stays) => self.keep_back(from, stays),
        }
    }

    /// The object that comes from this end, and the way it goes.
    pub(super) fn looked_into(&self, from: End) -> Option<(&Opening, &Pipe)> {
        let direction = match from {
            End::Caller => &self.up,
            End::Called => &self.called.down,
        };
        match direction.rewrite.as_ref()?.transform() {
            Transform::Open(pipe) => Some((direction.opening.as_deref()?, pipe)),
            Transform::Hide(_) | Transform::Seal(_) => None,
        }
    }

    fn is_undecoded(&self, from: End) -> bool {
        let direction = match from {
            End::Caller => &self.up,
            End::Called => &self.called.down,
        };
        direction.rewrite.as_ref().is_some_and(|rewrite| rewrite.is_undecoded())
    }

    fn onward(&self, from: End, opening: &Opening, found: &Found, row: Option<&SealRow>) -> Result<Onward, Stays> {
        let vault = self.snapshot.settings.vault.as_ref();
        let drift = vault.map_or(IdentityDrift::Record, |vault| vault.identity_drift);
        let since = vault.and_then(|vault| vault.sealed_since);
        let sealable = !matches!(Family::of(&opening.class), Treatment::Never(_));
        let younger = sealable && opening.dated.zip(since).is_some_and(|(dated, since)| dated >= first_day(since));
        let compressed = is_encapsulated(&opening.syntax).then(|| match is_lossy(&opening.syntax) {
            true => Compressed::Lossy,
            false if self.is_undecoded(from) => Compressed::Undecoded,
            false => Compressed::Lossless,
        });
        let repeats = self.snapshot.vault.as_ref().map(|room| room.repeats(&opening.archive)).unwrap_or_default();
        let right = opening.right;
        // Another archive of the gateway's takes what is moved there, and keeps it.
        let must_be_sealed = matches!(opening.whom, Whom::Moves(_))
            && vault.is_some_and(|vault| vault.seal == SealWhat::All)
            && self.is_archive(&self.called.title)
            && matches!(Family::of(&opening.class), Treatment::Sealed(_));
        // There the ledger knows what is sealed by another instance than this.
        let minted = self.snapshot.archive(&opening.archive).is_some_and(|archive| archive.settings.vault.rewrites_sop);
        if minted && compressed == Some(Compressed::Undecoded) && matches!(found, Found::Plain) {
            return Err(Stays::kept(
                Status::PROCESSING_FAILURE,
                "the archive returns it compressed: no worker decodes it now",
            ));
        }
        let asked = opening.since;
        let question = Question { found, row, repeats, asked, right, drift, younger, compressed, must_be_sealed };
        let verdict = judge(&question);
        let as_it_is = |opened| Ok(Onward { original: None, opened });
        match (verdict, found) {
            (Verdict::Alert(cause, words), _) => Err(Stays::Alert(cause, words)),
            (Verdict::Refuse(words), _) => Err(Stays::kept(Status::NOT_AUTHORIZED, words)),
            (Verdict::Later(words), _) => Err(Stays::kept(Status::PROCESSING_FAILURE, words)),
            (Verdict::Cannot(words), _) => Err(Stays::kept(Status::DATA_SET_MISMATCH, words)),
            (Verdict::Open, Found::Sealed(inner)) => {
                Ok(Onward { original: Some(inner.transfer_syntax), opened: Some((true, drift_of(&inner.drift))) })
            }
            (_, Found::Sealed(inner)) => as_it_is(Some((false, drift_of(&inner.drift)))),
            (_, Found::Plain) => as_it_is(None),
        }
    }

    fn going(&self, from: End, opening: &Opening, onward: Onward) -> Result<Going, Stays> {
        let Onward { original, opened } = onward;
        match original {
            None => Ok(Going { place: self.place_as_it_is(from, opening)?, opens: None, opened }),
            Some(original) => {
                let opens = self.place_opened(from, &opening.class, &original)?;
                Ok(Going { place: opens.place, opens: Some(opens), opened })
            }
        }
    }

    /// What whoever receives objects takes of a class.
    pub(super) fn takes(&self, from: End, class: &Uid) -> Vec<Takes> {
        let leg = self.called.number;
        let takes = |leg: u8, context: u8, syntax: &Uid| Takes { leg, context, syntax: *syntax };
        let all = self.contexts.iter().filter(|(_, accepted)| accepted.abstract_syntax == class);
        if from == End::Called {
            let receives = all.filter(|(_, accepted)| accepted.roles.scp);
            return receives.map(|(id, accepted)| takes(leg, id, accepted.transfer_syntax)).collect();
        }
        let known = all.filter_map(|(id, _)| Some((id, self.contexts.called(leg, id)?)));
        let known = known.filter(|(_, accepted)| accepted.abstract_syntax == class && accepted.roles.scu);
        let mut known: Vec<Takes> = known.map(|(id, accepted)| takes(leg, id, accepted.transfer_syntax)).collect();
        let extras = self.contexts.extras(class).filter(|extra| extra.roles.scu);
        known.extend(extras.map(|extra| takes(extra.leg, extra.id, &extra.transfer_syntax)));
        // A second association with the receiver is there for what the first one had no room for.
        known.sort_by_key(|takes| takes.leg != leg);
        known
    }

    fn place_as_it_is(&self, from: End, opening: &Opening) -> Result<Place, Stays> {
        let takes = self.takes(from, &opening.class);
        place::as_it_is(&takes, opening.context, &opening.syntax).ok_or_else(|| {
            let more = self.no_more(from, &opening.class, &opening.syntax);
            let words = format!("whoever receives it does not take its class in {}{more}", named(&opening.syntax));
            Stays::Kept(Status::DATA_SET_MISMATCH, words)
        })
    }

    fn place_opened(&self, from: End, class: &Uid, original: &Uid) -> Result<Opens, Stays> {
        let (syntax, more) = (named(original), self.no_more(from, class, original));
        let stays = |words: String| Err(Stays::Kept(Status::DATA_SET_MISMATCH, words));
        let Some(opens) = place::opened(&self.takes(from, class), original) else {
            return stays(format!(
                "it was sealed in {syntax}, and whoever receives it takes neither that nor anything that it could be written in{more}"
            ));
        };
        // What nothing decodes is known before any of it is.
        if opens.decode
            && let Err(fault) = self.decoding(original, opens.place.encoding)
        {
            return stays(format!("it was sealed in {syntax}, which whoever receives it does not take{more}: {fault}"));
        }
        Ok(opens)
    }

    /// What decodes an object in this transfer syntax on its way.
    pub(super) fn decoding(&self, syntax: &Uid, to: Encoding) -> Result<Decoding, DecodeFault> {
        let Some(room) = &self.snapshot.vault else { return Err(WorkerFault::Off.into()) };
        let header = u32::try_from(self.snapshot.settings.limits.seal_header).unwrap_or(u32::MAX);
        Decoding::within(&room.decoder, syntax, to, header, self.walk_limits.depth)
    }

    /// Up to how many bytes of pixels an image is decoded whole before its first byte goes out.
    fn decoded_whole(&self) -> u64 {
        let how = self.snapshot.settings.vault.as_ref().map(|vault| vault.open);
        match how {
            Some(OpenHow::Whole) => u64::MAX,
            _ => self.snapshot.settings.limits.decode_whole,
        }
    }

    /// It goes on.
    fn send_on(&mut self, from: End, going: &Going) -> Result<(), Ending> {
        let Some((opening, pipe)) = self.looked_into(from) else { return Ok(()) };
        let comes = going.opens.map_or(pipe.encoding(), |opens| opens.comes);
        let hide = (!opening.hidden.is_empty()).then(|| self.hide(comes, &opening.hidden));
        let hide = match hide.transpose() {
            Ok(hide) => hide,
            Err(fault) => {
                return self.keep_back(from, Stays::Kept(Status::NOT_AUTHORIZED, HideFault::to_string(&fault)));
            }
        };
        let decoding = match (going.opens.filter(|opens| opens.decode), pipe.found()) {
            (Some(opens), Some(Found::Sealed(inner))) => {
                match self.decoding(&inner.transfer_syntax, opens.place.encoding) {
                    Ok(decoding) => Some((decoding, self.decoded_whole())),
                    Err(fault) => {
                        return self.keep_back(from, Stays::Kept(Status::DATA_SET_MISMATCH, fault.to_string()));
                    }
                }
            }
            _ => None,
        };
        let longest = match from {
            End::Caller => {
                if going.place.leg != self.up_for {
                    // What was released for the leg before goes there first.
                    self.hand_out_up();
                    self.up_for = going.place.leg;
                    self.focus_up();
                }
                self.called.longest
            }
            End::Called => self.longest,
        };
        let direction = match from {
            End::Caller => &mut self.up,
            End::Called => &mut self.called.down,
        };
        let (Some(opening), Some(rewrite)) = (&mut direction.opening, &mut direction.rewrite) else { return Ok(()) };
        let (Transform::Open(pipe), flow) = rewrite.transform_mut() else { return Ok(()) };
        let outcome = match &going.opens {
            None => pipe.pass(&going.place, encoding_of(&opening.syntax), hide, flow),
            Some(opens) => pipe.deliver(opens, hide, flow),
        };
        if let Some((decoding, whole)) = decoding {
            rewrite.decode(decoding, whole);
        }
        rewrite.begin(going.place.context, &opening.command, longest);
        let Some(permit) = opening.permit.take() else { return Ok(()) };
        let purpose = match &opening.whom {
            Whom::Getting | Whom::Unasked => Purpose::Plain,
            Whom::Moves(covering) => {
                Purpose::Delivery(covering.iter().map(|held| held.begin(opening.instance)).collect())
            }
        };
        let (sent_on, opened) = (going.place.context, going.opened);
        let asked = Outstanding::new(opening.context, &opening.command, permit, purpose);
        let asked = Outstanding { sent_on, opened, ..asked };
        match from {
            End::Caller => self.called.asked.push(asked),
            End::Called => self.called.asked_back.push(asked),
        }
        if let Err(fault) = outcome {
            return self.opening_failed(from, &fault.into());
        }
        self.note_drift(from);
        match from {
            End::Caller => self.pump_up(),
            End::Called => self.pump_down(),
        }
    }

    /// What was found to differ only with the last of it goes into the record too.
    pub(in super::super) fn note_drift(&mut self, from: End) {
        let Some((opening, pipe)) = self.looked_into(from) else { return };
        let Some(opened) = pipe.opened() else { return };
        let added = (!opened.added.is_empty()).then_some("added");
        let names = opened.drift.iter().map(String::as_str).chain(added);
        let drift = names.fold(Drift::default(), Drift::with);
        let message = opening.command.message_id.unwrap_or_default();
        let asked = match from {
            End::Caller => &mut self.called.asked,
            End::Called => &mut self.called.asked_back,
        };
        if let Some(asked) = asked.iter_mut().find(|asked| asked.message == message) {
            asked.opened = Some((true, drift));
        }
    }
}

/// The first day of which every object is sealed. Dates say what local clocks showed.
fn first_day(since: Timestamp) -> Date {
    let since = since.to_zoned(TimeZone::system());
    match since.time() == Time::midnight() {
        true => since.date(),
        false => since.date().saturating_add(jiff::Span::new().days(1)),
    }
}

fn drift_of(names: &[&str]) -> Drift {
    names.iter().fold(Drift::default(), |drift, name| drift.with(name))
}

fn named(syntax: &Uid) -> String {
    transfer_syntax::name(syntax).map_or_else(|| syntax.to_string(), str::to_owned)
}

//! One system that was dialled for the caller: an archive, or the destination of deliveries.

use super::direction::Direction;
use super::outstanding::{Outstanding, Owed};
use crate::archive::Leg;
use crate::dicom::AeTitle;
use crate::dicom::dimse::Command;
use bytes::Bytes;
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// A dialled system, as negotiation hands it over.
#[derive(Debug)]
pub struct CalledSide {
    /// The association with it.
    pub leg: Leg,
    /// How rules and records call it: an archive's `ae_title`, a peer's name.
    pub to: Arc<str>,
    /// An archive's `ae_title`; the called title of a destination.
    pub title: AeTitle,
    /// The longest P-DATA-TF that it takes, bytes.
    pub longest: u32,
}

/// A dialled system in data transfer.
pub(super) struct Called {
    /// Its number among the legs.
    pub(super) number: u8,
    pub(super) leg: Leg,
    pub(super) to: Arc<str>,
    pub(super) title: AeTitle,
    pub(super) longest: u32,
    pub(super) down: Direction,
    /// What the caller asked and it has not answered.
    pub(super) asked: SmallVec<[Outstanding; 1]>,
    /// Queries that have been ended and that it has not ended yet.
    pub(super) owed: Vec<Owed>,
    /// What it asked and the caller has not answered.
    pub(super) asked_back: SmallVec<[Outstanding; 1]>,
    /// The gateway's own answers to it, until the caller's direction stands between messages.
    pub(super) own_answers: VecDeque<Bytes>,
    /// When the PDU under way from it began.
    pub(super) began: Option<Instant>,
    /// It has confirmed the release.
    pub(super) released: bool,
    /// Its report that is being kept.
    pub(super) reported: Option<(u8, Command)>,
    /// It has ended while it was not needed, and nobody is there in its place.
    pub(super) gone: bool,
}

impl Called {
    /// `None` if the framer of the leg was taken already.
    pub(super) fn new(number: u8, side: CalledSide) -> Option<Box<Self>> {
        let CalledSide { mut leg, to, title, longest } = side;
        let framer = leg.take_framer()?;
        Some(Box::new(Self {
            number,
            leg,
            to,
            title,
            longest,
            down: Direction::new(framer),
            asked: SmallVec::new(),
            owed: Vec::new(),
            asked_back: SmallVec::new(),
            own_answers: VecDeque::new(),
            began: None,
            released: false,
            reported: None,
            gone: false,
        }))
    }

    /// What is released of the caller's message goes: under the permit of the request, or as an answer, or as the rest
    /// of a message that was answered early.
    pub(super) fn forward(&mut self, bytes: Bytes) {
        match self.asked.last() {
            Some(current) => self.leg.forward(&current.permit, bytes),
            None => self.leg.answer(bytes),
        }
    }

    /// A message of its own is on its way to the caller: nobody else's may come between.
    pub(super) fn has_the_floor(&self) -> bool {
        !self.down.stage.is_between() || self.down.wait.is_some()
    }
}

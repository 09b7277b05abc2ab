//! The elements of group 0000 (PS3.7 E.1, E.2), and which command needs and takes which (9.3, 10.3).

use crate::dicom::Tag;
use crate::dicom::dimse::Field;

macro_rules! elements {
    ($($name:ident = $element:literal,)*) => {
        /// An element of group 0000 that today's PS3.7 defines.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Element { $($name,)* }

        impl Element {
            pub(super) const fn of(element: u16) -> Option<Self> {
                match element { $($element => Some(Self::$name),)* _ => None }
            }

            pub(super) const fn tag(self) -> Tag {
                Tag(0, match self { $(Self::$name => $element,)* })
            }
        }
    };
}

// Ascending, as encoders write them.
elements! {
    GroupLength = 0x0000,
    AffectedClass = 0x0002,
    RequestedClass = 0x0003,
    CommandField = 0x0100,
    MessageId = 0x0110,
    RespondedTo = 0x0120,
    MoveDestination = 0x0600,
    Priority = 0x0700,
    DataSetType = 0x0800,
    Status = 0x0900,
    Offending = 0x0901,
    Comment = 0x0902,
    ErrorId = 0x0903,
    AffectedInstance = 0x1000,
    RequestedInstance = 0x1001,
    EventType = 0x1002,
    Attributes = 0x1005,
    ActionType = 0x1008,
    Remaining = 0x1020,
    Completed = 0x1021,
    Failed = 0x1022,
    Warning = 0x1023,
    Originator = 0x1030,
    OriginatorMessage = 0x1031,
}

/// Elements that PS3.7 E.2 lists as retired: Length to End, Recognition Code, Initiator, Receiver, Find Location,
/// Number of Matches, Response Sequence Number, the dialogue and terminal elements, groups of ACR-NEMA display commands.
pub(super) const fn is_retired(element: u16) -> bool {
    matches!(
        element,
        0x0001
            | 0x0010
            | 0x0200
            | 0x0300
            | 0x0400
            | 0x0850
            | 0x0860
            | 0x4000
            | 0x4010
            | 0x5010
            | 0x5020
            | 0x5110
            | 0x5120
            | 0x5130
            | 0x5140
            | 0x5150
            | 0x5160
            | 0x5170
            | 0x5180
            | 0x5190
            | 0x51a0
            | 0x51b0
    )
}

/// A set of elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Elements(u32);

impl Elements {
    pub(super) const NONE: Self = Self(0);

    pub(super) const fn of(elements: &[Element]) -> Self {
        let mut set = 0;
        let mut rest = elements;
        while let [first, others @ ..] = rest {
            set |= 1 << *first as u32;
            rest = others;
        }
        Self(set)
    }

    pub(super) const fn has(self, element: Element) -> bool {
        self.0 & 1 << element as u32 != 0
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn insert(&mut self, element: Element) {
        self.0 |= 1 << element as u32;
    }

    pub(super) fn remove(&mut self, element: Element) {
        self.0 &= !(1 << element as u32);
    }

    /// The first of these that `other` lacks.
    pub(super) fn first_not_in(self, other: Self) -> Option<Tag> {
        const ALL: [Element; 24] = [
            Element::GroupLength,
            Element::AffectedClass,
            Element::RequestedClass,
            Element::CommandField,
            Element::MessageId,
            Element::RespondedTo,
            Element::MoveDestination,
            Element::Priority,
            Element::DataSetType,
            Element::Status,
            Element::Offending,
            Element::Comment,
            Element::ErrorId,
            Element::AffectedInstance,
            Element::RequestedInstance,
            Element::EventType,
            Element::Attributes,
            Element::ActionType,
            Element::Remaining,
            Element::Completed,
            Element::Failed,
            Element::Warning,
            Element::Originator,
            Element::OriginatorMessage,
        ];
        let lacking = Self(self.0 & !other.0);
        if lacking == Self::NONE {
            return None;
        }
        ALL.into_iter().find(|element| lacking.has(*element)).map(Element::tag)
    }
}

/// Whether a command brings a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DataSet {
    Always,
    Never,
    Maybe,
}

/// What PS3.7 9.3 and 10.3 lay down for one command.
pub(super) struct Shape {
    pub(super) needs: Elements,
    pub(super) takes: Elements,
    pub(super) data_set: DataSet,
}

const BASE: Elements = Elements::of(&[Element::CommandField, Element::DataSetType]);
const FRAME: Elements = BASE.and(Elements::of(&[Element::GroupLength]));
const ERRORS: Elements = Elements::of(&[Element::Offending, Element::Comment, Element::ErrorId]);
const COUNTERS: Elements = Elements::of(&[Element::Remaining, Element::Completed, Element::Failed, Element::Warning]);
const AFFECTED: Elements = Elements::of(&[Element::AffectedClass, Element::AffectedInstance]);

const fn request(needs: &[Element], takes: &[Element], data_set: DataSet) -> Shape {
    let needs = BASE.and(Elements::of(&[Element::MessageId])).and(Elements::of(needs));
    Shape { needs, takes: needs.and(FRAME).and(Elements::of(takes)), data_set }
}

/// Responses: the affected class and instance are conditional everywhere ("=", "U") and nothing here hangs on them.
const fn response(takes: Elements, data_set: DataSet) -> Shape {
    let needs = BASE.and(Elements::of(&[Element::RespondedTo, Element::Status]));
    Shape { needs, takes: needs.and(FRAME).and(ERRORS).and(AFFECTED).and(takes), data_set }
}

/// The shape of a command. Priority is checked apart from the rest, because it has a tolerance of its own.
pub(super) const fn shape(field: Field) -> Shape {
    use Element::{
        ActionType, AffectedClass, AffectedInstance, Attributes, EventType, MoveDestination, Originator,
        OriginatorMessage, Priority, RequestedClass, RequestedInstance,
    };
    match field {
        Field::StoreRq => {
            request(&[AffectedClass, AffectedInstance], &[Priority, Originator, OriginatorMessage], DataSet::Always)
        }
        Field::FindRq | Field::GetRq => request(&[AffectedClass], &[Priority], DataSet::Always),
        Field::MoveRq => request(&[AffectedClass, MoveDestination], &[Priority], DataSet::Always),
        Field::EchoRq => request(&[AffectedClass], &[], DataSet::Never),
        Field::EventReportRq => request(&[AffectedClass, AffectedInstance, EventType], &[], DataSet::Maybe),
        Field::NGetRq => request(&[RequestedClass, RequestedInstance], &[Attributes], DataSet::Never),
        Field::SetRq => request(&[RequestedClass, RequestedInstance], &[], DataSet::Always),
        Field::ActionRq => request(&[RequestedClass, RequestedInstance, ActionType], &[], DataSet::Maybe),
        Field::CreateRq => request(&[AffectedClass], &[AffectedInstance], DataSet::Maybe),
        Field::DeleteRq => request(&[RequestedClass, RequestedInstance], &[], DataSet::Never),
        Field::StoreRsp | Field::EchoRsp | Field::DeleteRsp => response(Elements::NONE, DataSet::Never),
        Field::FindRsp => response(Elements::NONE, DataSet::Maybe),
        Field::GetRsp | Field::MoveRsp => response(COUNTERS, DataSet::Maybe),
        Field::EventReportRsp => response(Elements::of(&[EventType]), DataSet::Maybe),
        Field::ActionRsp => response(Elements::of(&[ActionType]), DataSet::Maybe),
        Field::NGetRsp | Field::SetRsp | Field::CreateRsp => response(Elements::of(&[Attributes]), DataSet::Maybe),
        Field::CancelRq => {
            let needs = BASE.and(Elements::of(&[Element::RespondedTo]));
            Shape { needs, takes: needs.and(FRAME), data_set: DataSet::Never }
        }
    }
}

/// Whether a command has a Priority.
pub(super) const fn has_priority(field: Field) -> bool {
    matches!(field, Field::StoreRq | Field::FindRq | Field::GetRq | Field::MoveRq)
}

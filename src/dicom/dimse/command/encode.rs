//! Commands into bytes.

use super::Command;
use super::element::Element;
use crate::dicom::{Tag, Uid};

const DATA_SET: u16 = 0x0001;
const NO_DATA_SET: u16 = 0x0101;

impl Command {
    /// The whole command set, group length first, tags ascending, values padded to even length.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer(Vec::with_capacity(256));
        out.uid(Element::AffectedClass, self.affected_sop_class.as_ref());
        out.uid(Element::RequestedClass, self.requested_sop_class.as_ref());
        out.number(Element::CommandField, Some(self.field.code()));
        out.number(Element::MessageId, self.message_id);
        out.number(Element::RespondedTo, self.responded_to);
        out.text(Element::MoveDestination, self.move_destination.as_ref().map(|title| title.as_str().as_bytes()));
        out.number(Element::Priority, self.priority.map(|priority| priority as u16));
        out.number(Element::DataSetType, Some(if self.data_set { DATA_SET } else { NO_DATA_SET }));
        out.number(Element::Status, self.status.map(|status| status.0));
        out.tags(Element::Offending, &self.offending);
        out.text(Element::Comment, self.comment.as_ref().map(|comment| comment.reveal().as_ref()));
        out.number(Element::ErrorId, self.error_id);
        out.uid(Element::AffectedInstance, self.affected_sop_instance.as_ref());
        out.uid(Element::RequestedInstance, self.requested_sop_instance.as_ref());
        out.number(Element::EventType, self.event_type);
        out.tags(Element::Attributes, &self.attributes);
        out.number(Element::ActionType, self.action_type);
        out.number(Element::Remaining, self.counters.remaining);
        out.number(Element::Completed, self.counters.completed);
        out.number(Element::Failed, self.counters.failed);
        out.number(Element::Warning, self.counters.warning);
        out.text(Element::Originator, self.move_originator.as_ref().map(|title| title.as_str().as_bytes()));
        out.number(Element::OriginatorMessage, self.move_originator_message);
        let body = out.0;
        let mut whole = Writer(Vec::with_capacity(body.len() + 12));
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        whole.element(Element::GroupLength, &length.to_le_bytes(), 0);
        whole.0.extend_from_slice(&body);
        whole.0
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn element(&mut self, element: Element, value: &[u8], pad: u8) {
        let Tag(group, number) = element.tag();
        let length = value.len().next_multiple_of(2);
        self.0.extend_from_slice(&group.to_le_bytes());
        self.0.extend_from_slice(&number.to_le_bytes());
        self.0.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        self.0.extend_from_slice(value);
        if !value.len().is_multiple_of(2) {
            self.0.push(pad);
        }
    }

    fn number(&mut self, element: Element, value: Option<u16>) {
        if let Some(value) = value {
            self.element(element, &value.to_le_bytes(), 0);
        }
    }

    fn uid(&mut self, element: Element, value: Option<&Uid>) {
        if let Some(value) = value {
            self.element(element, value.as_bytes(), 0);
        }
    }

    fn text(&mut self, element: Element, value: Option<&[u8]>) {
        if let Some(value) = value {
            self.element(element, value, b' ');
        }
    }

    fn tags(&mut self, element: Element, tags: &[Tag]) {
        if tags.is_empty() {
            return;
        }
        let value: Vec<u8> = tags.iter().flat_map(|tag| [tag.0.to_le_bytes(), tag.1.to_le_bytes()].concat()).collect();
        self.element(element, &value, 0);
    }
}

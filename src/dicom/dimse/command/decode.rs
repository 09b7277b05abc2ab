//! Bytes into a command, strictly, unless a tolerance says otherwise.

use super::element::{DataSet, Element, Elements, has_priority, is_retired, shape};
use super::{Command, CommandFault, Priority};
use crate::dicom::ae_title::AeTitleFault;
use crate::dicom::cursor::Cursor;
use crate::dicom::dimse::{Field, Status, Tolerance, Tolerances};
use crate::dicom::uid::UidFault;
use crate::dicom::{AeTitle, Phi, Tag, Uid};

const NO_DATA_SET: u16 = 0x0101;

impl Command {
    /// Decodes a whole command set. Nothing is allocated but for lists of tags and the comment of an error.
    ///
    /// # Errors
    /// Whatever departs from PS3.7 6.3.1, 9.3, 10.3 and annex E and is not among `tolerances`;
    /// [`CommandFault::tolerance`] names the one that would let it pass.
    pub fn decode(bytes: &[u8], tolerances: &Tolerances) -> Result<Self, CommandFault> {
        if bytes.len() > Self::MAX_LENGTH {
            return Err(CommandFault::TooLong);
        }
        let field = find_field(bytes)?;
        let shape = shape(field);
        let mut command = Self::bare(field);
        let mut seen = Elements::NONE;
        let mut given = Elements::NONE;
        let mut last: Option<Tag> = None;
        // What group length says, and how much stood behind it.
        let mut length: Option<(u32, usize)> = None;
        let mut behind = 0;
        let mut cursor = Cursor::new(bytes);
        while !cursor.is_empty() {
            let (tag, value) = element(&mut cursor)?;
            if tag.group() != 0 {
                // DCMTK, and what is built on it, has the list of failed instances behind the command set of a pending
                // C-GET response.
                if !field.is_response() || !tolerances.has(Tolerance::Extra) {
                    return Err(CommandFault::Group(tag));
                }
                behind += value.len() + 8;
            }
            if last.is_some_and(|last| tag < last) && !tolerances.has(Tolerance::Order) {
                return Err(CommandFault::Order(tag));
            }
            if last == Some(tag) {
                return Err(CommandFault::Duplicate(tag));
            }
            let first = last.is_none();
            last = Some(tag);
            if value.len() % 2 != 0 && !tolerances.has(Tolerance::OddLength) {
                return Err(CommandFault::OddLength(tag));
            }
            if tag.group() != 0 {
                continue;
            }
            let Some(element) = Element::of(tag.element()) else {
                unlisted(tag, field, tolerances)?;
                continue;
            };
            if seen.has(element) {
                return Err(CommandFault::Duplicate(tag));
            }
            seen.insert(element);
            if element == Element::GroupLength {
                length = first.then_some((u32_of(tag, value)?, cursor.remaining()));
                continue;
            }
            if !shape.takes.has(element) {
                if !tolerances.has(Tolerance::Extra) {
                    return Err(CommandFault::Extra(tag, field));
                }
                continue;
            }
            given.insert(element);
            command.take(element, value, tolerances, &mut given)?;
        }
        let right = |(said, found): (u32, usize)| usize::try_from(said) == Ok(found - behind);
        if !length.is_some_and(right) && !tolerances.has(Tolerance::GroupLength) {
            return Err(CommandFault::GroupLength);
        }
        if let Some(tag) = shape.needs.first_not_in(given) {
            return Err(CommandFault::Missing(tag, field));
        }
        if has_priority(field) && command.priority.is_none() && !tolerances.has(Tolerance::Priority) {
            return Err(CommandFault::Priority);
        }
        match (shape.data_set, command.data_set) {
            (DataSet::Always, false) | (DataSet::Never, true) => Err(CommandFault::DataSet(field)),
            _ => Ok(command),
        }
    }

    /// Takes the value of an element that belongs into this command.
    fn take(
        &mut self,
        element: Element,
        value: &[u8],
        tolerances: &Tolerances,
        given: &mut Elements,
    ) -> Result<(), CommandFault> {
        let tag = element.tag();
        let number = || u16_of(tag, value);
        let mut uid = || {
            let uid = uid_of(tag, value, tolerances)?;
            if uid.is_none() {
                given.remove(element);
            }
            Ok(uid)
        };
        match element {
            Element::GroupLength | Element::CommandField => {}
            Element::AffectedClass => self.affected_sop_class = uid()?,
            Element::RequestedClass => self.requested_sop_class = uid()?,
            Element::AffectedInstance => self.affected_sop_instance = uid()?,
            Element::RequestedInstance => self.requested_sop_instance = uid()?,
            Element::MessageId => self.message_id = Some(number()?),
            Element::RespondedTo => self.responded_to = Some(number()?),
            Element::MoveDestination => {
                self.move_destination = title_of(tag, value, tolerances)?;
                if self.move_destination.is_none() {
                    given.remove(element);
                }
            }
            Element::Originator => self.move_originator = title_of(tag, value, tolerances)?,
            Element::OriginatorMessage => self.move_originator_message = Some(number()?),
            Element::Priority => {
                self.priority = match number()? {
                    0 => Some(Priority::Medium),
                    1 => Some(Priority::High),
                    2 => Some(Priority::Low),
                    _ => None,
                }
            }
            Element::DataSetType => self.data_set = number()? != NO_DATA_SET,
            Element::Status => self.status = Some(Status(number()?)),
            Element::Offending => self.offending = tags_of(tag, value)?,
            Element::Attributes => self.attributes = tags_of(tag, value)?,
            Element::Comment => self.comment = comment_of(value, tolerances)?,
            Element::ErrorId => self.error_id = Some(number()?),
            Element::EventType => self.event_type = Some(number()?),
            Element::ActionType => self.action_type = Some(number()?),
            Element::Remaining => self.counters.remaining = Some(number()?),
            Element::Completed => self.counters.completed = Some(number()?),
            Element::Failed => self.counters.failed = Some(number()?),
            Element::Warning => self.counters.warning = Some(number()?),
        }
        Ok(())
    }
}

/// What a command may have hangs on what it is, and that does not stand first.
fn find_field(bytes: &[u8]) -> Result<Field, CommandFault> {
    let mut cursor = Cursor::new(bytes);
    while !cursor.is_empty() {
        let (tag, value) = element(&mut cursor)?;
        if tag.group() != 0 {
            return Err(CommandFault::Group(tag));
        }
        if tag == Element::CommandField.tag() {
            let code = u16_of(tag, value)?;
            return Field::from_code(code).ok_or(CommandFault::UnknownField(code));
        }
    }
    Err(CommandFault::NoField)
}

fn element<'a>(cursor: &mut Cursor<'a>) -> Result<(Tag, &'a [u8]), CommandFault> {
    let [g0, g1, e0, e1, l0, l1, l2, l3] = cursor.array::<8>().ok_or(CommandFault::TruncatedHeader)?;
    let tag = Tag(u16::from_le_bytes([g0, g1]), u16::from_le_bytes([e0, e1]));
    let length = u32::from_le_bytes([l0, l1, l2, l3]);
    let value = usize::try_from(length).ok().and_then(|length| cursor.take(length));
    Ok((tag, value.ok_or(CommandFault::Truncated(tag))?))
}

fn unlisted(tag: Tag, field: Field, tolerances: &Tolerances) -> Result<(), CommandFault> {
    if is_retired(tag.element()) {
        if tolerances.has(Tolerance::Retired) { Ok(()) } else { Err(CommandFault::Retired(tag)) }
    } else if tolerances.has(Tolerance::Extra) {
        Ok(())
    } else {
        Err(CommandFault::Extra(tag, field))
    }
}

fn wrong_length(tag: Tag, value: &[u8]) -> CommandFault {
    CommandFault::Length { tag, length: u32::try_from(value.len()).unwrap_or(u32::MAX) }
}

fn u16_of(tag: Tag, value: &[u8]) -> Result<u16, CommandFault> {
    value.try_into().map(u16::from_le_bytes).map_err(|_| wrong_length(tag, value))
}

fn u32_of(tag: Tag, value: &[u8]) -> Result<u32, CommandFault> {
    value.try_into().map(u32::from_le_bytes).map_err(|_| wrong_length(tag, value))
}

/// `None` where an empty value is tolerated: it says nothing.
fn uid_of(tag: Tag, value: &[u8], tolerances: &Tolerances) -> Result<Option<Uid>, CommandFault> {
    let strict = Uid::new(value);
    if let Ok(uid) = strict {
        return Ok(Some(uid));
    }
    match (Uid::new(trim_any(value)), tolerances.has(Tolerance::Padding)) {
        (Ok(uid), true) => Ok(Some(uid)),
        (Err(UidFault::Empty), true) => Ok(None),
        (Ok(_) | Err(UidFault::Empty), false) => Err(CommandFault::Padding(tag)),
        (Err(fault), _) => Err(CommandFault::Uid { tag, fault }),
    }
}

/// `None` where an empty value is tolerated: it says nothing.
fn title_of(tag: Tag, value: &[u8], tolerances: &Tolerances) -> Result<Option<AeTitle>, CommandFault> {
    let strict = AeTitle::new(value);
    if let (Ok(title), true) = (strict, value.len() <= 16) {
        return Ok(Some(title));
    }
    match (AeTitle::new(trim_any(value)), tolerances.has(Tolerance::Padding)) {
        (Ok(title), true) => Ok(Some(title)),
        (Err(AeTitleFault::Empty), true) => Ok(None),
        (Ok(_) | Err(AeTitleFault::Empty), false) => Err(CommandFault::Padding(tag)),
        (Err(fault), _) => Err(CommandFault::AeTitle { tag, fault }),
    }
}

fn comment_of(value: &[u8], tolerances: &Tolerances) -> Result<Option<Phi<Box<[u8]>>>, CommandFault> {
    let text = trim_any(value);
    let plain = text.len() <= Command::MAX_COMMENT && !text.iter().any(|byte| byte.is_ascii_control() && *byte != 0x1b);
    if !plain && !tolerances.has(Tolerance::Comment) {
        return Err(CommandFault::Comment);
    }
    Ok((!text.is_empty()).then(|| Phi::new(text.into())))
}

fn tags_of(tag: Tag, value: &[u8]) -> Result<Vec<Tag>, CommandFault> {
    let (quads, []) = value.as_chunks::<4>() else {
        return Err(wrong_length(tag, value));
    };
    Ok(quads.iter().map(|&[g0, g1, e0, e1]| Tag(u16::from_le_bytes([g0, g1]), u16::from_le_bytes([e0, e1]))).collect())
}

fn trim_any(mut value: &[u8]) -> &[u8] {
    while let [rest @ .., 0 | b' '] = value {
        value = rest;
    }
    value
}

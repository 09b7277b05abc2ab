//! A gateway with a key ring, objects that are sealed with it, and an archive that hands out what the test says.

use crate::support::conn::{Archive, Conn, Message};
use crate::support::words::{CT, EXPLICIT, GET, ac, rq, success, title, uid};
use crate::support::world::{Setup, World, of_state};
use dicomgate::config;
use dicomgate::dicom::dataset::write::DataSet;
use dicomgate::dicom::dimse::{Command, Counters, Status};
use dicomgate::dicom::pdu::{AssociateAc, AssociateRq, ContextResult, Pdu, ProposedContext, Role};
use dicomgate::dicom::transfer_syntax::{Encoding, encoding_of};
use dicomgate::dicom::{AeTitle, Tag};
use dicomgate::keys;
use dicomgate::state::{SealEnd, SealMark, SealRow};
use dicomgate::transform::flow::{Flow, Line};
use dicomgate::transform::recode::Recode;
use dicomgate::transform::seal::{Begun, Outcome, Seal, SealOptions, SealOrder};
use dicomgate::vault::SealContext;
use dicomgate::vault::carrier::Carrier;
use std::path::Path;
use std::sync::Arc;

pub const JPEG: &str = "1.2.840.10008.1.2.4.70";
pub const STUDY: &str = "1.2.3.4";

/// WS1 and DR1 have sealed objects opened, WS2 not, ARC shares the vault.
const PEERS: &str = r#"
[[peer]]
ae_titles = ["WS1"]
tls = "off"
network = ["127.0.0.1/32"]
[[peer]]
ae_titles = ["WS2"]
tls = "off"
network = ["127.0.0.1/32"]
[[peer]]
ae_titles = ["WS3"]
tls = "off"
network = ["127.0.0.1/32"]
[[peer]]
ae_titles = ["ARC"]
tls = "off"
network = ["127.0.0.1/32"]
vault = "shared"
"#;

const RULES: &str = r#"
[[rule]]
name = "all retrieve"
who = ["peer:WS1", "peer:WS2", "peer:ARC"]
to = ["PACS"]
may = ["echo", "find", "get", "move"]
destinations = ["self"]
[[rule]]
name = "readers"
who = ["peer:WS1"]
to = ["PACS"]
may = ["get", "move", "find"]
destinations = ["self"]
open = true
[[rule]]
name = "referred"
who = ["peer:WS3"]
to = ["PACS"]
may = ["get"]
where = { ReferringPhysicianName = "Ref^Rita" }
hide = ["PatientName"]
hide_in_objects = true
open = true
[[rule]]
name = "second archive"
who = ["peer:ARC"]
to = ["PACS"]
may = ["get"]
open = "sealed"
"#;

pub struct Site {
    pub world: World,
    context: Arc<SealContext>,
}

/// A sealed object, and what was sealed.
#[derive(Debug, Clone)]
pub struct Sealed {
    pub begun: Begun,
    /// As it lies in the archive, in explicit VR little endian.
    pub bytes: Vec<u8>,
    pub instance: String,
}

pub fn site() -> Site {
    site_with("", "")
}

/// With further lines of `[vault]` and `[limits]`.
pub fn site_with(vault: &str, limits: &str) -> Site {
    of(World::with(&setup(vault, limits)))
}

pub fn of(world: World) -> Site {
    let context = context_of(world.dir.path());
    Site { world, context }
}

pub fn setup(vault: &str, limits: &str) -> Setup {
    let policy = format!("[vault]\nkeys = \"keys\"\nescrow = []\nsegment = \"64KiB\"\n{vault}\n");
    Setup { policy, limits: limits.into(), peers: PEERS.into(), rules: RULES.into(), ..Setup::default() }
}

/// What a gateway seals with that lies in this folder.
pub fn context_of(folder: &Path) -> Arc<SealContext> {
    let settings = config::load(&folder.join("gateway.toml")).unwrap();
    let vault = settings.vault.unwrap();
    let (ring, escrow) = keys::load(&vault).unwrap();
    let random = Arc::new(keys::System::default());
    Arc::new(SealContext { ring: Arc::new(ring), escrow: escrow.into(), random, segment: vault.segment })
}

/// A CT image in explicit VR little endian: so many bytes of pixels that repeat nowhere.
pub fn image(instance: &str, pixels: usize) -> Vec<u8> {
    data_set(instance, pixels).encode(Encoding::ExplicitLe)
}

pub fn data_set(instance: &str, pixels: usize) -> DataSet {
    let columns = 256_u16;
    let rows = u16::try_from(pixels / 512).unwrap_or(1);
    let us = |value: u16| value.to_le_bytes().to_vec();
    head(instance)
        .with(Tag(0x0028, 0x0002), b"US", us(1))
        .with(Tag(0x0028, 0x0004), b"CS", "MONOCHROME2")
        .with(Tag(0x0028, 0x0010), b"US", us(rows))
        .with(Tag(0x0028, 0x0011), b"US", us(columns))
        .with(Tag(0x0028, 0x0100), b"US", us(16))
        .with(Tag(0x0028, 0x0101), b"US", us(12))
        .with(Tag(0x0028, 0x0102), b"US", us(11))
        .with(Tag(0x0028, 0x0103), b"US", us(0))
        .with(Tag(0x7fe0, 0x0010), b"OW", noise(pixels))
}

pub fn head(instance: &str) -> DataSet {
    DataSet::new()
        .with_uid(Tag(0x0008, 0x0016), &uid(CT))
        .with_uid(Tag(0x0008, 0x0018), &uid(instance))
        .with(Tag(0x0008, 0x0050), b"SH", "A1")
        .with(Tag(0x0008, 0x0060), b"CS", "CT")
        .with(Tag(0x0010, 0x0010), b"PN", "Test^Eva")
        .with(Tag(0x0010, 0x0020), b"LO", "4711")
        .with_uid(Tag(0x0020, 0x000d), &uid(STUDY))
        .with_uid(Tag(0x0020, 0x000e), &uid("1.2.3.4.1"))
}

/// The same with an image in fragments.
pub fn encapsulated(instance: &str, pixels: usize) -> Vec<u8> {
    let mut bytes = image(instance, 0);
    // Up to the Pixel Data, which is empty: tag, VR, reserved, length.
    bytes.truncate(bytes.len() - 12);
    bytes.extend_from_slice(&[0xe0, 0x7f, 0x10, 0, b'O', b'B', 0, 0, 0xff, 0xff, 0xff, 0xff]);
    bytes.extend_from_slice(&[0xfe, 0xff, 0, 0xe0, 0, 0, 0, 0]);
    bytes.extend_from_slice(&[0xfe, 0xff, 0, 0xe0]);
    bytes.extend_from_slice(&u32::try_from(pixels).unwrap().to_le_bytes());
    bytes.extend_from_slice(&noise(pixels));
    bytes.extend_from_slice(&[0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    bytes
}

/// An object in explicit VR little endian, written in another encoding.
pub fn recoded(bytes: &[u8], to: Encoding) -> Vec<u8> {
    let (mut recode, mut out) = (Recode::new(Encoding::ExplicitLe, to), Vec::new());
    recode.push(bytes, &mut out).unwrap();
    recode.finish(&mut out).unwrap();
    out
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Seals an object that came in this transfer syntax.
pub fn seal_with(context: &Arc<SealContext>, instance: &str, syntax: &str, object: &[u8], carrier: Carrier) -> Sealed {
    let order = SealOrder {
        context: Arc::clone(context),
        sop_class: uid(CT),
        sop_instance: uid(instance),
        from: uid(syntax),
        to: Encoding::ExplicitLe,
        carrier,
        options: Arc::new(SealOptions::default()),
        whole: false,
    };
    let mut seal = Seal::new(order).unwrap();
    let (mut flow, mut line, mut bytes) = (Flow::default(), Line::default(), Vec::new());
    let mut take = |flow: &mut Flow| bytes.extend(line.take(flow).concat());
    for part in object.chunks(50_000) {
        seal.push(part, &mut flow).unwrap();
        take(&mut flow);
    }
    let begun = seal.begun().cloned();
    let outcome = seal.finish(&mut flow).unwrap();
    take(&mut flow);
    assert!(line.is_empty(), "all goes on");
    let begun = match outcome {
        Outcome::Sealed(sealed) => sealed.begun,
        other => panic!("{other:?} {begun:?}"),
    };
    Sealed { begun, bytes, instance: instance.into() }
}

impl Site {
    /// Seals an object that came in this transfer syntax.
    pub fn seal(&self, instance: &str, syntax: &str, object: &[u8], carrier: Carrier) -> Sealed {
        seal_with(&self.context, instance, syntax, object, carrier)
    }

    /// The ledger knows it, with this end of storing.
    pub fn noted(&self, sealed: &Sealed, end: SealEnd) {
        noted(self.world.dir.path(), sealed, end);
    }

    /// An association for C-GET: objects come on contexts of CT images with these lists of transfer syntaxes, from 3.
    pub fn getting(&self, calling: &str, contexts: &[&[&str]]) -> Getting {
        let mut getting = self.associated(calling, contexts, |_, _| None);
        getting.asks();
        getting.archive.message();
        getting
    }

    /// The same before it asks; the archive accepts of each context the syntax that is chosen, else the first.
    pub fn associated(
        &self,
        calling: &str,
        contexts: &[&[&str]],
        choose: impl Fn(usize, &ProposedContext) -> Option<Option<&'static str>>,
    ) -> Getting {
        let asked = proposal(calling, contexts);
        between(self.world.plain(), &self.world.archive, &asked, choose)
    }
    /// An archive's association of the gateway's own: it asks whose the study is.
    pub fn looked_up(&self, referrer: &str) {
        let (mut link, proposed) = self.world.archive_accepts(|_| ());
        let asked = link.message();
        let context = asked.bytes[10];
        let found = DataSet::new()
            .with(Tag(0x0008, 0x0052), b"CS", "STUDY")
            .with(Tag(0x0008, 0x0090), b"PN", referrer)
            .with(Tag(0x0010, 0x0020), b"LO", "4711")
            .with_uid(Tag(0x0020, 0x000d), &uid(STUDY));
        let syntax = proposed.contexts.iter().find(|proposed| proposed.id == context).unwrap().transfer_syntaxes[0];
        let pending = asked.command.response(Status::PENDING).unwrap().with_data_set();
        link.say(context, &pending, Some(&found.encode(encoding_of(&syntax))));
        link.say(context, &success(&asked.command), None);
    }
}

/// The ledger of the gateway in this folder knows it, with this end of storing.
pub fn noted(folder: &Path, sealed: &Sealed, end: SealEnd) {
    let Begun { seal, key, study, rows, columns, frames, transfer_syntax, .. } = sealed.begun.clone();
    let archive = AeTitle::new("PACS").unwrap();
    let mark = SealMark::new(seal, key, transfer_syntax, (rows, columns, frames));
    let row = SealRow::new(archive, uid(&sealed.instance), study, uid(CT), mark);
    of_state(folder, async |state| {
        state.seal_begin(&row).await.unwrap();
        assert!(state.seal_end(archive, &row.instance, seal, end).await.unwrap());
    });
}

/// An association for C-GET between a caller and an archive.
pub fn between(
    mut caller: Conn,
    archive: &Archive,
    asked: &AssociateRq,
    choose: impl Fn(usize, &ProposedContext) -> Option<Option<&'static str>>,
) -> Getting {
    caller.request(asked);
    let mut archive = archive.accept();
    let Pdu::AssociateRq(proposed) = archive.control() else { panic!("a request") };
    let answer = chosen(&proposed, choose);
    archive.send(answer.encode());
    let accepted = caller.accepted();
    let mut takes: Vec<(u8, String)> = Vec::new();
    for context in &accepted.contexts {
        takes.extend(
            context
                .transfer_syntax
                .filter(|_| context.result.accepted())
                .map(|syntax| (context.id, syntax.to_string())),
        );
    }
    let known = proposed.contexts.iter().zip(&answer.contexts).skip(1);
    let sends = known.filter_map(|(proposed, answered)| Some((proposed.id, answered.transfer_syntax?.to_string())));
    Getting { sends: sends.collect(), takes, caller, archive, sent: 0, failed: Vec::new() }
}

/// An answer: of each context the syntax that is chosen, none at all, or else the first.
pub fn chosen(
    proposed: &AssociateRq,
    choose: impl Fn(usize, &ProposedContext) -> Option<Option<&'static str>>,
) -> AssociateAc {
    let mut answer = ac(proposed);
    for (place, (answered, proposed)) in answer.contexts.iter_mut().zip(&proposed.contexts).enumerate() {
        match choose(place, proposed) {
            None => {}
            Some(Some(syntax)) => answered.transfer_syntax = Some(uid(syntax)),
            Some(None) => {
                answered.result = ContextResult::TransferSyntaxesNotSupported;
                answered.transfer_syntax = None;
            }
        }
    }
    answer
}

/// What a caller proposes for C-GET.
pub fn proposal(calling: &str, contexts: &[&[&str]]) -> AssociateRq {
    let mut asked = AssociateRq { called: title("PACS"), ..rq(calling, &[GET]) };
    asked.contexts.extend(contexts.iter().zip(1_u8..).map(|(syntaxes, place)| ProposedContext {
        id: 2 * place + 1,
        abstract_syntax: uid(CT),
        transfer_syntaxes: syntaxes.iter().map(|name| uid(name)).collect(),
    }));
    asked.user.roles = vec![Role { sop_class: uid(CT), scu: true, scp: true }];
    asked
}

/// A C-GET under way.
pub struct Getting {
    pub caller: Conn,
    pub archive: Conn,
    /// The contexts on which the archive can send, and their syntaxes.
    pub sends: Vec<(u8, String)>,
    /// What the caller was told of its contexts.
    pub takes: Vec<(u8, String)>,
    sent: u16,
    failed: Vec<String>,
}

impl Getting {
    /// The caller asks for the study.
    pub fn asks(&mut self) {
        let one = DataSet::new().with(Tag(0x0008, 0x0052), b"CS", "STUDY").with_uid(Tag(0x0020, 0x000d), &uid(STUDY));
        self.caller.say(1, &Command::get_rq(7, &uid(GET)), Some(&one.encode(Encoding::ExplicitLe)));
    }

    /// The context on which the archive sends in this syntax.
    pub fn on(&self, syntax: &str) -> u8 {
        self.sends.iter().find(|(_, known)| known == syntax).unwrap_or_else(|| panic!("{syntax}: {:?}", self.sends)).0
    }

    /// The archive sends an object on a context that takes it in explicit VR little endian.
    pub fn send(&mut self, instance: &str, object: &[u8]) {
        self.send_on(self.on(EXPLICIT), instance, object);
    }

    pub fn send_on(&mut self, context: u8, instance: &str, object: &[u8]) {
        self.sent += 1;
        self.archive.say(context, &Command::store_rq(self.sent, &uid(CT), &uid(instance)), Some(object));
    }

    /// The caller gets it, and says so; the archive hears that.
    pub fn arrives(&mut self) -> Message {
        let got = self.caller.message();
        self.caller.say(got.context, &success(&got.command), None);
        let answer = self.archive.message();
        assert_eq!((answer.status(), answer.command.responded_to), (0, Some(self.sent)), "{}", answer.comment());
        got
    }

    /// It fails, and nothing of it reaches the caller.
    pub fn fails(&mut self, instance: &str, status: Status) -> String {
        let answer = self.archive.message();
        assert_eq!(answer.status(), status.0, "{}", answer.comment());
        self.caller.stays_silent();
        self.failed.push(instance.to_owned());
        answer.comment()
    }

    /// The archive concludes; what the caller hears.
    pub fn ends(&mut self) -> Message {
        let status = if self.failed.is_empty() { Status::SUCCESS } else { Status::SUB_OPERATIONS_WARNING };
        let failed = u16::try_from(self.failed.len()).unwrap();
        let counters =
            Counters { completed: Some(self.sent - failed), failed: Some(failed), warning: Some(0), remaining: None };
        let answer = Command { counters, ..Command::get_rq(7, &uid(GET)).response(status).unwrap() };
        if self.failed.is_empty() {
            self.archive.say(1, &answer, None);
        } else {
            let list = DataSet::new().with(Tag(0x0008, 0x0058), b"UI", self.failed.join("\\"));
            self.archive.say(1, &answer.with_data_set(), Some(&list.encode(encoding_of(&uid(EXPLICIT)))));
        }
        let end = self.caller.message();
        assert_eq!(end.command.counters.completed, Some(self.sent - failed));
        assert_eq!(end.command.counters.failed, Some(failed));
        end
    }
}

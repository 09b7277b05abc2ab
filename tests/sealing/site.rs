//! A gateway with a vault, and an archive of which it is proven that it keeps sealed objects.

use crate::support::conn::{Archive, Conn, Message};
use crate::support::proven;
use crate::support::words::{CT, EXPLICIT, IMPLICIT, INSTANCE, ac, answer, rq, success, title, uid};
use crate::support::world::{PEERS, Setup, World, of_state};
use dicomgate::dicom::dataset::write::DataSet;
use dicomgate::dicom::dimse::{Command, Field};
use dicomgate::dicom::pdu::{AssociateAc, AssociateRq, ContextResult, Pdu, ProposedContext, UserItems};
use dicomgate::dicom::transfer_syntax::{Encoding, encoding_of};
use dicomgate::dicom::{AeTitle, Tag};
use dicomgate::keys;
use dicomgate::state::{Mark, SealRow};
use dicomgate::transform::flow::{Flow, Line};
use dicomgate::transform::open::{As, Finished, Found, Open, OpenOptions, OpenOrder};
use dicomgate::vault::{KeyRing, Unlock};
use std::sync::Arc;

pub const JPEG: &str = "1.2.840.10008.1.2.4.50";

/// Who stores in rules that seal.
pub const RULES: &str = r#"
[[rule]]
name = "modalities store, and it is sealed"
who = ["group:modality"]
to = ["PACS"]
may = ["echo", "store"]
seal = true
"#;

/// What the site is to be like.
pub struct Wants<'a> {
    /// Further lines of `[vault]`.
    pub vault: &'a str,
    /// Further lines of `[[archive]]`.
    pub archive: &'a str,
    /// Lines of `[limits]`.
    pub limits: &'a str,
    pub rules: &'a str,
    pub peers: &'a str,
    /// Whether something is proven of the archive.
    pub proven: bool,
}

impl Default for Wants<'_> {
    fn default() -> Self {
        Self { vault: "", archive: "", limits: "", rules: RULES, peers: PEERS, proven: true }
    }
}

/// What an archive gives back of what it got; `None`: nothing.
pub type Gives<'a> = &'a dyn Fn(&[u8]) -> Option<Vec<u8>>;

pub struct Site {
    pub world: World,
    pub ring: Arc<KeyRing>,
}

pub fn site() -> Site {
    site_with(&Wants::default())
}

pub fn setup(wants: &Wants<'_>) -> Setup {
    Setup {
        archive: format!("all_readers_pass_the_gateway = true\n{}\n", wants.archive),
        limits: format!(
            "{}\n[vault]\nkeys = \"state/keys\"\nescrow = []\n{}\n",
            wants.limits.replace(',', "\n"),
            wants.vault
        ),
        rules: wants.rules.into(),
        peers: wants.peers.into(),
        ..Setup::default()
    }
}

pub fn site_with(wants: &Wants<'_>) -> Site {
    let world = World::with(&setup(wants));
    let ring = Arc::new(keys::load_folder(&world.dir.path().join("state/keys")).unwrap());
    if wants.proven {
        let title = AeTitle::new("PACS").unwrap();
        proven::everything(world.archive.port()).keep(&world.dir.path().join("state"), &title).unwrap();
    }
    Site { world, ring }
}

impl Site {
    /// CT1's association for CT images on these syntaxes, each in a context of its own from id 1; the archive accepts
    /// these, the first offered.
    pub fn modality(&self, offers: &[&[&str]], takes: &[&str]) -> (Conn, AssociateAc, Conn, AssociateRq) {
        self.modality_as("CT1", offers, takes)
    }

    /// The same, of whoever has this title.
    pub fn modality_as(
        &self,
        title: &str,
        offers: &[&[&str]],
        takes: &[&str],
    ) -> (Conn, AssociateAc, Conn, AssociateRq) {
        let mut peer = self.world.plain();
        peer.request(&storing(title, offers));
        let (link, asked) = self.archive_takes(takes);
        let accepted = peer.accepted();
        (peer, accepted, link, asked)
    }

    pub fn archive_takes(&self, takes: &[&str]) -> (Conn, AssociateRq) {
        accepts(&self.world.archive, takes)
    }

    /// Stores an object as CT1's and has the archive take it; what the archive got.
    pub fn stores(&self, peer: &mut Conn, link: &mut Conn, object: &[u8]) -> Message {
        self.stores_as(INSTANCE, peer, link, object)
    }

    /// The same, of this instance.
    pub fn stores_as(&self, instance: &str, peer: &mut Conn, link: &mut Conn, object: &[u8]) -> Message {
        let store = Command::store_rq(1, &uid(CT), &uid(instance));
        let got = std::thread::scope(|scope| {
            let sender = scope.spawn(|| peer.say(1, &store, Some(object)));
            let got = link.message();
            sender.join().unwrap();
            got
        });
        link.say(got.context, &success(&got.command), None);
        assert_eq!(peer.message().status(), 0);
        got
    }

    /// The gateway asks the archive for an instance on an association of its own, and gets this; or hears that there is
    /// none.
    pub fn hands_out(&self, object: Option<&[u8]>) {
        let (mut link, asked) = self.archive_takes(&natives());
        gives(&mut link, &asked, object);
        link.confirm_release();
    }

    /// The same, when it asks for objects; whatever else it asks for before is broken off.
    pub fn hands_out_when_asked(&self, object: Option<&[u8]>) {
        loop {
            let mut link = self.world.archive.accept();
            let Pdu::AssociateRq(asked) = link.control() else { panic!("a request") };
            if asked.contexts.iter().any(|context| context.abstract_syntax.as_str() == CT) {
                link.send(taking(&asked, &natives()).encode());
                gives(&mut link, &asked, object);
                return link.confirm_release();
            }
        }
    }

    /// An association of whoever has this title, with these classes, of which the archive knows all. What the gateway asks it
    /// for meanwhile on associations of its own is left to `others`, unanswered.
    pub fn associates(&self, title: &str, classes: &[&str], mut others: impl FnMut(Conn)) -> (Conn, Conn) {
        let mut peer = self.world.plain();
        peer.request(&rq(title, classes));
        loop {
            let mut link = self.world.archive.accept();
            let Pdu::AssociateRq(asked) = link.control() else { panic!("a request") };
            if asked.contexts.iter().all(|context| classes.contains(&context.abstract_syntax.as_str())) {
                link.send(taking(&asked, &natives()).encode());
                peer.accepted();
                return (peer, link);
            }
            others(link);
        }
    }

    /// What the ledger knows of an instance.
    pub fn ledger(&self, instance: &str) -> Option<SealRow> {
        of_state(self.world.dir.path(), async |state| {
            state.seals(AeTitle::new("PACS").unwrap(), &uid(instance)).await.unwrap()
        })
    }

    /// The time comes of all storage commitment reports that wait for one.
    pub fn reports_fall_due(&self) {
        of_state(self.world.dir.path(), async |state| {
            let now = jiff::Timestamp::now().as_second();
            let mut waiting = state.waiting_reports().await.unwrap();
            waiting.retain(|(_, report)| report.due > now);
            for (id, _) in &waiting {
                state.report_due(*id, now).await.unwrap();
            }
        });
    }

    /// The marks of an instance's seals.
    pub fn marks(&self, instance: &str) -> Vec<Mark> {
        self.ledger(instance).map(|row| row.seals.iter().map(|seal| seal.mark).collect()).unwrap_or_default()
    }

    /// Opens what an archive got.
    pub fn open(&self, message: &Message, syntax: &str) -> Vec<u8> {
        let order = OpenOrder {
            unlock: Unlock::Ring(Arc::clone(&self.ring)),
            from: encoding_of(&uid(syntax)),
            sop_class: *message.command.sop_class().unwrap(),
            sop_instance: *message.command.sop_instance().unwrap(),
            options: OpenOptions::default(),
        };
        let mut open = Open::new(order);
        let (mut flow, mut line, mut out) = (Flow::default(), Line::default(), Vec::new());
        let mut take = |flow: &mut Flow| out.extend(line.take(flow).concat());
        let mut told = false;
        for chunk in message.data.as_ref().unwrap().chunks(50_000) {
            open.push(chunk, &mut flow).unwrap();
            if !told && let Some(found) = open.found() {
                assert!(matches!(found, Found::Sealed(_)), "it is sealed: {found:?}");
                open.deliver(As::Own).unwrap();
                told = true;
            }
            take(&mut flow);
        }
        if open.finish(&mut flow).unwrap() == Finished::Undecided {
            assert!(matches!(open.found(), Some(Found::Sealed(_))), "it is sealed");
            open.deliver(As::Own).unwrap();
            open.finish(&mut flow).unwrap();
            told = true;
        }
        take(&mut flow);
        assert!(told, "it is sealed");
        out
    }
}

/// An archive accepts an association: of each context the first syntax that it takes.
pub fn accepts(archive: &Archive, takes: &[&str]) -> (Conn, AssociateRq) {
    let mut link = archive.accept();
    let Pdu::AssociateRq(asked) = link.control() else { panic!("a request") };
    link.send(taking(&asked, takes).encode());
    (link, *asked)
}

/// An archive is asked for an instance, and gives this; or says that there is none.
pub fn gives(link: &mut Conn, asked: &AssociateRq, object: Option<&[u8]>) {
    gives_as(INSTANCE, link, asked, object);
}

/// The same, of this instance.
pub fn gives_as(instance: &str, link: &mut Conn, asked: &AssociateRq, object: Option<&[u8]>) {
    let request = link.message();
    assert_eq!(request.command.field, Field::GetRq);
    let status = match object {
        Some(object) => {
            let context = asked.contexts.iter().find(|context| context.abstract_syntax.as_str() == CT).unwrap();
            link.say(context.id, &Command::store_rq(7, &uid(CT), &uid(instance)), Some(object));
            assert_eq!(link.message().status(), 0);
            0
        }
        None => 0xa900,
    };
    link.say(request.context, &answer(&request.command, status), None);
}

/// A proposal of CT images, a context for each of these lists of syntaxes.
pub fn storing(calling: &str, offers: &[&[&str]]) -> AssociateRq {
    let context = |(index, syntaxes): (usize, &&[&str])| ProposedContext {
        id: u8::try_from(2 * index + 1).unwrap(),
        abstract_syntax: uid(CT),
        transfer_syntaxes: syntaxes.iter().map(|name| uid(name)).collect(),
    };
    AssociateRq {
        protocol_version: 1,
        called: title("PACS"),
        calling: title(calling),
        reserved: [0; 32],
        application_context: uid("1.2.840.10008.3.1.1.1"),
        contexts: offers.iter().enumerate().map(context).collect(),
        user: UserItems { max_length: 32_768, implementation_class: Some(uid("1.2.3")), ..UserItems::default() },
    }
}

/// An archive's answer: of each context the first syntax that it takes.
pub fn taking(asked: &AssociateRq, takes: &[&str]) -> AssociateAc {
    let mut answer = ac(asked);
    for (context, answered) in asked.contexts.iter().zip(&mut answer.contexts) {
        let chosen = context.transfer_syntaxes.iter().find(|syntax| takes.contains(&syntax.as_str()));
        answered.transfer_syntax = chosen.copied().or(answered.transfer_syntax);
        if chosen.is_none() {
            answered.result = ContextResult::TransferSyntaxesNotSupported;
        }
    }
    answer
}

/// A CT image of these many rows of 512 pixels, whose values can be told apart.
pub fn image(instance: &str, rows: u16) -> Vec<u8> {
    image_in(instance, rows, Encoding::ExplicitLe)
}

pub fn image_in(instance: &str, rows: u16, encoding: Encoding) -> Vec<u8> {
    let pixels: Vec<u8> =
        (0..u32::from(rows) * 512).flat_map(|at| u16::try_from(at % 4093).unwrap().to_le_bytes()).collect();
    let number = |value: u16| value.to_le_bytes().to_vec();
    DataSet::new()
        .with_uid(Tag(0x0008, 0x0016), &uid(CT))
        .with_uid(Tag(0x0008, 0x0018), &uid(instance))
        .with(Tag(0x0008, 0x0060), b"CS", "CT")
        .with(Tag(0x0010, 0x0010), b"PN", "Test^Eva")
        .with(Tag(0x0010, 0x0020), b"LO", "4711")
        .with_uid(Tag(0x0020, 0x000d), &uid("1.2.3.4"))
        .with_uid(Tag(0x0020, 0x000e), &uid("1.2.3.4.1"))
        .with(Tag(0x0028, 0x0002), b"US", number(1))
        .with(Tag(0x0028, 0x0004), b"CS", "MONOCHROME2")
        .with(Tag(0x0028, 0x0010), b"US", number(rows))
        .with(Tag(0x0028, 0x0011), b"US", number(512))
        .with(Tag(0x0028, 0x0100), b"US", number(16))
        .with(Tag(0x0028, 0x0101), b"US", number(16))
        .with(Tag(0x0028, 0x0102), b"US", number(15))
        .with(Tag(0x0028, 0x0103), b"US", number(0))
        .with(Tag(0x7fe0, 0x0010), b"OW", pixels)
        .encode(encoding)
}

/// Whether 64 bytes of the pixels of an image stand in what an archive got.
pub fn shows(stored: &[u8]) -> bool {
    let window: Vec<u8> = (1000_u32..1032).flat_map(|at| u16::try_from(at).unwrap().to_le_bytes()).collect();
    stored.windows(window.len()).any(|bytes| bytes == window)
}

pub fn natives() -> [&'static str; 2] {
    [EXPLICIT, IMPLICIT]
}

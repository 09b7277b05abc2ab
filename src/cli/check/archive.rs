//! One archive: does it answer by every title that it will see, does it offer what rules permit, does it know the
//! destinations.

use super::place::Places;
use super::shows;
use super::wiring::{Finding, Ground, STEP};
use crate::cli::{dial, fresh};
use crate::config::{Archive, Fault, Listener, Serves, who};
use crate::dicom::dataset::write::DataSet;
use crate::dicom::dimse::{Command, Operation, Status};
use crate::dicom::transfer_syntax::encoding_of;
use crate::dicom::{AeTitle, Tag, Uid, sop_class};
use crate::policy::attribute::keyword;
use crate::scu::{Accepted, Ask, Link, LinkFault, Target};

/// A title that no installation has: what an archive says of it is what it says of every destination it does not know.
const NOBODY: &str = "DICOMGATE-NOBODY";

/// What an operation needs an archive to offer.
const NEEDED: [(Operation, &str, &[&str]); 7] = [
    (Operation::Find, "C-FIND", &[sop_class::STUDY_ROOT_FIND, sop_class::PATIENT_ROOT_FIND]),
    (Operation::Move, "C-MOVE", &[sop_class::STUDY_ROOT_MOVE, sop_class::PATIENT_ROOT_MOVE]),
    (Operation::Get, "C-GET", &[sop_class::STUDY_ROOT_GET, sop_class::PATIENT_ROOT_GET]),
    (Operation::Worklist, "a worklist", &[sop_class::MODALITY_WORKLIST]),
    (Operation::Mpps, "MPPS", &["1.2.840.10008.3.1.2.3.3"]),
    (Operation::Commit, "storage commitment", &[sop_class::STORAGE_COMMITMENT_PUSH]),
    (Operation::Echo, "C-ECHO", &[sop_class::VERIFICATION]),
];

struct Step<'a> {
    ground: &'a Ground,
    archive: &'a Archive,
    index: usize,
    about: String,
    address: String,
    found: Vec<Finding>,
}

/// Asks the archive at this index.
pub async fn prove(ground: &Ground, index: usize) -> Vec<Finding> {
    let Some(archive) = ground.settings.archives.get(index) else { return Vec::new() };
    let address = archive.address.to_string();
    let about = format!("archive {} at {address}", archive.ae_title);
    let mut step = Step { ground, archive, index, about, address, found: Vec::new() };
    step.all().await;
    step.found
}

impl Step<'_> {
    async fn all(&mut self) {
        let tls = match dial::archive_tls(self.archive, self.ground.material.as_ref()) {
            Ok(tls) => tls,
            Err(words) => {
                let hint = "write [tls], or `tls = \"off\"` for this archive".to_owned();
                return self.fault(format!("cannot be dialled over TLS: {words}"), hint);
            }
        };
        let address = self.address.clone();
        let connect = self.archive.connect_timeout.min(STEP);
        let (bind, called) = (self.archive.bind_address, self.archive.ae_title);
        let target = |calling| Target {
            address: &address,
            bind,
            within: &[],
            tls: tls.clone(),
            calling,
            called,
            connect,
            answer: STEP,
        };
        let callers = who::callers(&self.ground.settings, self.archive);
        let (mut welcome, mut unwelcome): (Vec<AeTitle>, Vec<(AeTitle, LinkFault)>) = (Vec::new(), Vec::new());
        for calling in callers {
            match self.call(&target(calling), welcome.is_empty()).await {
                Ok(()) => welcome.push(calling),
                Err(wrong) => {
                    let lasting = matches!(wrong, LinkFault::Away(_) | LinkFault::Tls(_) | LinkFault::Silent);
                    unwelcome.push((calling, wrong));
                    // What it says to one title then it will say to the next.
                    if lasting {
                        break;
                    }
                }
            }
        }
        self.called(&welcome, &unwelcome);
        if let Some(calling) = welcome.first()
            && let Err(wrong) = self.narrowed(&target(*calling)).await
        {
            let hint = "a C-FIND of recent studies should be answered".to_owned();
            self.doubt(format!("asked by `{calling}` what rules narrow by: {wrong}"), hint);
        }
        if let Some(calling) = welcome.first()
            && self.serves(Operation::Move)
            && let Err(wrong) = self.destinations(&target(*calling)).await
        {
            let hint = "a C-MOVE of a study that does not exist should be answered, with whatever status".to_owned();
            self.doubt(format!("asked by `{calling}` for a C-MOVE: {wrong}"), hint);
        }
    }

    /// Whether an operation comes here at all.
    fn serves(&self, operation: Operation) -> bool {
        let operations = &self.archive.operations;
        (operations.is_empty() || operations.contains(&operation))
            && who::operations(&self.ground.settings, self.archive).has(operation)
    }

    /// An association as this title, with a C-ECHO; the first time also what the archive offers.
    async fn call(&mut self, target: &Target<'_>, first: bool) -> Result<(), LinkFault> {
        let mut link = Link::open(target, &asks(&NEEDED.map(|(_, _, classes)| classes).concat())).await?;
        if first {
            for (operation, name, classes) in NEEDED {
                if self.serves(operation) && accepted(&link, classes).is_none() {
                    let message = format!("does not offer {name}, which rules permit");
                    self.doubt(message, format!("take `{operation}` out of the rules, or switch it on in the archive"));
                }
            }
        }
        if let Some(context) = accepted(&link, &[sop_class::VERIFICATION]) {
            let answer = link.call(context.id, &Command::echo_rq(1, &context.class), None).await?;
            if let Some(status) = answer.command.status.filter(|status| *status != Status::SUCCESS) {
                let hint = "C-ECHO says whether it is well; see its own log".to_owned();
                self.doubt(format!("answers a C-ECHO of `{}` with {status}", target.calling), hint);
            }
        }
        // It has answered; whether it says goodbye changes nothing.
        let _ = link.release().await;
        Ok(())
    }

    /// Says which titles it takes, and why it does not take the others.
    fn called(&mut self, welcome: &[AeTitle], unwelcome: &[(AeTitle, LinkFault)]) {
        if !welcome.is_empty() {
            let titles: Vec<&str> = welcome.iter().map(AeTitle::as_str).collect();
            self.fine(format!("answers when called by {}", titles.join(", ")));
        }
        for (calling, wrong) in unwelcome {
            let (is_rejection, hint) = match wrong {
                LinkFault::Rejected(rj) if (rj.source, rj.reason) == (1, 7) => {
                    (true, format!("it does not listen to `{}`: correct `ae_title`", self.archive.ae_title))
                }
                LinkFault::Rejected(rj) if rj.result == 2 => {
                    (true, "it is full or busy; ask again, and see `max_associations`".to_owned())
                }
                LinkFault::Away(_) => {
                    (false, "is `address` right, is it on, does a firewall stand between?".to_owned())
                }
                LinkFault::Tls(_) => {
                    (false, "correct `certificate` or `trust` here, or the certificate there".to_owned())
                }
                LinkFault::Rejected(_) | LinkFault::HungUp | LinkFault::Aborted(_) if !welcome.is_empty() => {
                    (true, self.let_in(*calling))
                }
                LinkFault::Rejected(_) => (true, self.let_in(*calling)),
                _ => (false, "does this port speak DICOM, and with TLS as `tls` says?".to_owned()),
            };
            self.fault(format!("called by `{calling}`: {wrong}"), hint);
            if !is_rejection {
                return;
            }
        }
    }

    fn let_in(&self, calling: AeTitle) -> String {
        format!(
            "in the configuration of `{}`, let `{calling}` call from this machine's address; or write \
             `calling = \"...\"` here, one title that it knows",
            self.archive.ae_title
        )
    }

    async fn destinations(&mut self, target: &Target<'_>) -> Result<(), LinkFault> {
        let titles = who::destinations(&self.ground.settings, self.archive);
        let classes = [sop_class::STUDY_ROOT_MOVE, sop_class::PATIENT_ROOT_MOVE];
        let Ok(nobody) = AeTitle::new(NOBODY) else { return Ok(()) };
        let mut link = Link::open(target, &asks(&classes)).await?;
        let Some(context) = accepted(&link, &classes).filter(|_| !titles.is_empty()) else {
            let _ = link.release().await;
            return Ok(());
        };
        // Some answer without looking at the destination when there is nothing to send, some not with A801: what it
        // says of a title that nobody has shows which.
        let control = moved(&mut link, context, nobody, 1).await?;
        let (mut known, mut unclear) = (Vec::new(), Vec::new());
        for (number, title) in (2..=u16::MAX).zip(titles) {
            let status = moved(&mut link, context, title, number).await?;
            if status == Status::MOVE_DESTINATION_UNKNOWN {
                let at = self.where_to_send(Some(title), &link);
                let hint = format!("in the archive's configuration, enter `{title}` as a destination at {at}");
                self.fault(format!("does not know the destination `{title}` (it answers A801H)"), hint);
            } else if status == control {
                unclear.push(title.to_string());
            } else {
                known.push(title);
            }
        }
        if !unclear.is_empty() {
            let at = self.where_to_send(None, &link);
            let same = format!(
                "answers {control} for the destinations {}, and for one that nobody has: it does not say whether it knows them",
                unclear.join(", ")
            );
            let hint = format!(
                "they must be entered in its configuration at {at}; `dicomgate archive probe {} --store --destination ...` \
                 has it send a test image and sees",
                self.archive.ae_title
            );
            self.doubt(same, hint);
        }
        if !known.is_empty() {
            let titles: Vec<&str> = known.iter().map(AeTitle::as_str).collect();
            self.fine(format!("knows the destinations {}", titles.join(", ")));
        }
        let _ = link.release().await;
        Ok(())
    }

    /// Whether recent studies say what rules narrow by.
    async fn narrowed(&mut self, target: &Target<'_>) -> Result<(), LinkFault> {
        let settings = &self.ground.settings;
        let tags = shows::attributes(settings, self.archive.ae_title);
        if tags.is_empty() {
            return Ok(());
        }
        let mut link = Link::open(target, &asks(&shows::CLASSES)).await?;
        let Some(context) = accepted(&link, &shows::CLASSES) else {
            let _ = link.release().await;
            return Ok(());
        };
        let said = shows::ask(&mut link, &context, &tags, jiff::Zoned::now().date()).await?;
        let _ = link.release().await;
        if said.studies == 0 {
            self.fine("has no recent studies that would show whether it says what rules narrow by".to_owned());
            return Ok(());
        }
        for unsaid in shows::unsaid(settings, self.archive.ae_title, |tag| !said.valued.contains(&tag)) {
            let shows::Unsaid { rule, line, attribute } = unsaid;
            let absent = !said.present.iter().any(|tag| keyword(*tag) == attribute);
            let how = if absent { "does not return" } else { "returns only empty" };
            let message = format!(
                "rule `{rule}` narrows by `{attribute}`, which archive `{}` {how} for {} recent studies",
                self.archive.ae_title, said.studies
            );
            let hint = "such a rule shows nothing: narrow by an attribute that it returns".to_owned();
            let fault = Places::rule(settings, line, message).with_hint(hint);
            self.found.push(if absent {
                Finding::fault(&self.about, fault)
            } else {
                Finding::doubt(&self.about, fault)
            });
        }
        if tags.iter().all(|tag| said.valued.contains(tag)) {
            self.fine("returns for studies what rules narrow by".to_owned());
        }
        Ok(())
    }

    /// Where an archive has to send what is for a title, as it is to be entered there.
    fn where_to_send(&self, title: Option<AeTitle>, link: &Link) -> String {
        let inside = |listener: &&Listener| listener.serves == Serves::Archive;
        let listeners = &self.ground.settings.listeners;
        let own = listeners.iter().filter(inside).find(|listener| title.is_some() && listener.destination == title);
        match own.or_else(|| listeners.iter().filter(inside).find(|listener| listener.destination.is_none())) {
            Some(listener) => {
                let host = match (listener.address.ip(), link.wire().local()) {
                    (any, Ok(local)) if any.is_unspecified() => local.ip(),
                    (ip, _) => ip,
                };
                format!("host {host}, port {} (the listener `{}`)", listener.address.port(), listener.name)
            }
            None if listeners.iter().any(|listener| inside(&listener)) => {
                "the host of this gateway and the port of the listener with that `destination`".to_owned()
            }
            None => "a listener of this gateway with `serves = \"archive\"`: there is none yet, write one".to_owned(),
        }
    }

    fn fine(&mut self, words: String) {
        self.found.push(Finding::fine(&self.about, words));
    }

    fn fault(&mut self, words: String, hint: String) {
        let fault = self.place(&words, hint);
        self.found.push(Finding::fault(&self.about, fault));
    }

    fn doubt(&mut self, words: String, hint: String) {
        let fault = self.place(&words, hint);
        self.found.push(Finding::doubt(&self.about, fault));
    }

    fn place(&self, words: &str, hint: String) -> Fault {
        let message = format!("archive `{}` at {}: {words}", self.archive.ae_title, self.address);
        self.ground.places.archive(&self.ground.settings, self.index, message).with_hint(hint)
    }
}

fn asks(classes: &[&str]) -> Vec<Ask> {
    classes.iter().filter_map(|class| Uid::new(class).ok()).map(Ask::plain).collect()
}

fn accepted(link: &Link, classes: &[&str]) -> Option<Accepted> {
    link.all_accepted().find(|accepted| classes.contains(&accepted.class.as_str()))
}

/// The final status of a C-MOVE of a study that does not exist.
async fn moved(link: &mut Link, context: Accepted, to: AeTitle, number: u16) -> Result<Status, LinkFault> {
    let no_numbers = || LinkFault::Malformed("the system has no random numbers".to_owned());
    let study = fresh::uid().ok_or_else(no_numbers)?;
    let identifier = DataSet::new()
        .with(Tag(0x0008, 0x0052), b"CS", "STUDY")
        .with(Tag(0x0010, 0x0020), b"LO", "DICOMGATE-CHECK")
        .with_uid(Tag(0x0020, 0x000d), &study)
        .encode(encoding_of(&context.syntax));
    let mut answer = link.call(context.id, &Command::move_rq(number, &context.class, to), Some(&identifier)).await?;
    loop {
        match answer.command.status {
            Some(status) if status.is_final() => return Ok(status),
            _ => answer = link.receive().await?,
        }
    }
}

//! `dicomgate archive probe TITLE`: one questionnaire for an archive, and the settings that fit its answers.
//!
//! It stores only what it is told it may, says what it left behind, and writes "unknown" where it could not see.

mod block;
mod commitment;
mod ground;
mod hello;
mod keys;
mod object;
mod retrieve;
mod stores;
mod table;

use super::keep;
use super::report::{Found, Report, VERSION};
use crate::cli::check::Format;
use crate::cli::{EXIT_CONFIGURATION, EXIT_INTERNAL, dial, fresh};
use crate::config::{self, Archive, Listener, ListenerTls, Serves, Settings, who};
use crate::dicom::AeTitle;
use crate::pki::{self, Mode, SessionLimits, TlsFiles, TlsMaterial};
use crate::scu::{Answerer, LinkFault};
use ground::Ground;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Secondary Capture Image Storage: what the test study is of, where the archive takes it.
const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";
/// How long a delivering association may be silent.
const SILENCE: Duration = Duration::from_secs(60);
/// Nothing was asked that needs an object.
const NEEDS_STORE: &str = "needs a test study in the archive: --store";
/// Wrong usage.
const EXIT_USAGE: u8 = 2;

/// Arguments of `dicomgate archive probe`.
#[derive(Debug, Clone, clap::Args)]
pub struct Probe {
    /// The archive, by its `ae_title`
    #[arg(value_name = "TITLE")]
    pub title: AeTitle,
    /// The gateway's configuration
    #[arg(long, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    pub config: PathBuf,
    /// It may store a test study of four small images, which stays there: patient ID DICOMGATE-PROBE
    #[arg(long)]
    pub store: bool,
    /// The title that the archive is asked to deliver to; default: the first peer's that receives. Once more for each
    /// further title, which is asked for with one image
    #[arg(long, value_name = "AE")]
    pub destination: Vec<AeTitle>,
    /// Where deliveries are awaited; default: the inside listener of the configuration
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// The title that the archive sees; default: one that the gateway will call it by
    #[arg(long, value_name = "AE")]
    pub calling: Option<AeTitle>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Why there is no report: in words, and the exit code.
#[derive(Debug)]
pub struct Failed(pub String, pub u8);

/// Runs the probe. 0: it has answered; 1: it cannot be asked; 2: there is no such archive; 64: the configuration is
/// refused.
pub fn run(probe: &Probe) -> ExitCode {
    match try_run(probe) {
        Ok(text) => match std::io::stdout().lock().write_all(text.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(EXIT_INTERNAL),
        },
        Err(Failed(words, code)) => {
            eprintln!("{words}");
            ExitCode::from(code)
        }
    }
}

fn try_run(probe: &Probe) -> Result<String, Failed> {
    let settings = config::load(&probe.config).map_err(|faults| Failed(faults.to_string(), EXIT_CONFIGURATION))?;
    let titles: Vec<String> = settings.archives.iter().map(|archive| archive.ae_title.to_string()).collect();
    let archive = settings.archives.iter().find(|archive| archive.ae_title == probe.title).ok_or_else(|| {
        Failed(format!("there is no archive `{}`; there is {}", probe.title, titles.join(", ")), EXIT_USAGE)
    })?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|fault| Failed(format!("the runtime cannot be started: {fault}"), EXIT_INTERNAL))?;
    let report = runtime.block_on(ask(probe, &settings, archive))?;
    let kept = keep::write(&settings.gateway.state, &archive.ae_title, &report);
    let text = match probe.format {
        Format::Json => {
            format!("{:#}\n", serde_json::json!({ "report": report, "settings": block::block(archive, &report) }))
        }
        Format::Text => format!("{}\n{}", table::table(&report), block::block(archive, &report)),
    };
    match kept {
        Ok(Some(path)) => eprintln!("kept in `{}`: `run` compares the configuration with it", path.display()),
        Ok(None) => eprintln!("not kept: there is one with a test study already, which knows more"),
        Err(fault) => eprintln!("it could not be kept, so that `run` does not compare with it: {fault}"),
    }
    Ok(text)
}

/// Asks everything.
async fn ask(probe: &Probe, settings: &Settings, archive: &Archive) -> Result<Report, Failed> {
    let mut ground = prepare(probe, settings, archive)?;
    let say = |what: &str| eprintln!("asking: {what}");
    say("who it is and what it takes");
    let (hello, echo, offers) = hello::hello(&ground).await.map_err(|fault| cannot(&ground, &fault))?;
    let window = hello::window(&ground).await;
    let takes_strangers = hello::takes_strangers(&ground).await;
    let mut report = Report {
        version: VERSION,
        probed: jiff::Timestamp::now(),
        archive: archive.ae_title.to_string(),
        address: ground.address.clone(),
        calling: ground.calling.to_string(),
        stored: false,
        hello: Found::Known(hello),
        echo,
        offers,
        window,
        takes_strangers,
        associations: Found::unknown("not asked"),
        stores: Found::unknown(NEEDS_STORE),
        keys: Found::unknown(NEEDS_STORE),
        get: Found::unknown(NEEDS_STORE),
        moved: Found::unknown(NEEDS_STORE),
        moved_for_stranger: Found::unknown(NEEDS_STORE),
        destinations: Vec::new(),
        commitment: Found::unknown(NEEDS_STORE),
        left_behind: None,
    };
    if probe.store {
        with_study(&mut ground, &mut report, say).await;
    }
    // Last, for an archive that is full for a while answers nothing else.
    say("how many associations at once");
    report.associations = hello::associations(&ground).await;
    Ok(report)
}

/// What needs a study in the archive.
async fn with_study(ground: &mut Ground<'_>, report: &mut Report, say: impl Fn(&str)) {
    say("what it does with objects, new and again");
    let (stores, study) = stores::store(ground).await;
    report.stores = stores;
    let Some(study) = study else {
        for place in [&mut report.moved, &mut report.moved_for_stranger] {
            *place = Found::unknown("there is no test study in it");
        }
        report.keys = Found::unknown("there is no test study in it");
        report.get = Found::unknown("there is no test study in it");
        report.commitment = Found::unknown("there is no test study in it");
        return;
    };
    report.stored = true;
    report.left_behind =
        Some(format!("study {} of patient {} (accession {})", study.uid, object::PATIENT_ID, study.accession));
    say("which keys its queries match");
    report.keys = keys::keys(ground, &study).await;
    say("C-GET");
    let (get, by_get) = retrieve::get(ground, &study).await;
    report.get = get;
    say("C-MOVE, and what it delivers");
    let calling = ground.calling;
    let (moved, by_move) = retrieve::moved(ground, &study, calling).await;
    report.moved = moved;
    report.moved_for_stranger = match (report.moved.known().is_some_and(|moved| moved.came > 0), fresh::title()) {
        (false, _) | (_, None) => Found::unknown("nothing came for a title that it does know"),
        (true, Some(_)) if report.takes_strangers != Found::Known(true) => {
            Found::unknown("it does not take associations of titles that it cannot know")
        }
        (true, Some(stranger)) => {
            say("C-MOVE under a title that it cannot know");
            retrieve::moved(ground, &study, stranger).await.0
        }
    };
    report.destinations = retrieve::further(ground, &study).await;
    if let (Found::Known(stores), Some(kept)) = (&mut report.stores, by_get.or(by_move)) {
        stores.keeps = Found::Known(kept);
    }
    say("storage commitment");
    report.commitment = commitment::commitment(ground, &study).await;
}

fn cannot(ground: &Ground<'_>, fault: &LinkFault) -> Failed {
    let title = ground.archive.ae_title;
    let (address, calling) = (&ground.address, ground.calling);
    let hint = match fault {
        LinkFault::Rejected(rj) if rj.result == 2 => "\n  hint: it is full or busy: ask again",
        LinkFault::Rejected(_) => "\n  hint: let that title call there, or name one that may: --calling AE",
        _ => "\n  hint: `dicomgate check` says more about the wiring",
    };
    Failed(format!("archive `{title}` at {address}, called by `{calling}`: {fault}{hint}"), 1)
}

/// TLS, titles, and a place to listen at.
fn prepare<'a>(probe: &Probe, settings: &Settings, archive: &'a Archive) -> Result<Ground<'a>, Failed> {
    let material =
        match TlsFiles::of(settings).map(|files| TlsMaterial::load(&files, jiff::Timestamp::now().as_second())) {
            None => None,
            Some(Ok(material)) => Some(material),
            Some(Err(faults)) => {
                let words: Vec<String> = faults.iter().map(ToString::to_string).collect();
                return Err(Failed(words.join("\n"), EXIT_CONFIGURATION));
            }
        };
    let tls = dial::archive_tls(archive, material.as_ref()).map_err(|words| Failed(words, EXIT_CONFIGURATION))?;
    let calling = probe.calling.or_else(|| who::callers(settings, archive).first().copied());
    let destinations = match probe.destination.as_slice() {
        [] => who::destinations(settings, archive).into_iter().take(1).collect(),
        named => named.to_vec(),
    };
    let ear = match probe.store {
        true => listen(probe.listen, settings, destinations.first().copied(), material.as_ref())?,
        false => Err(NEEDS_STORE.to_owned()),
    };
    let calling = calling.unwrap_or(archive.ae_title);
    Ok(Ground { archive, address: archive.address.to_string(), tls, calling, destinations, ear })
}

/// Listens where the archive delivers to. No inside listener is no failure: then that part stays unknown. A port that
/// is taken is one, before anything is stored.
///
/// # Errors
/// The place is taken, or TLS cannot be spoken there.
pub fn listen(
    at: Option<SocketAddr>,
    settings: &Settings,
    destination: Option<AeTitle>,
    material: Option<&TlsMaterial>,
) -> Result<Result<Answerer, String>, Failed> {
    let inside: Vec<&Listener> =
        settings.listeners.iter().filter(|listener| listener.serves == Serves::Archive).collect();
    let own = inside.iter().find(|listener| listener.destination.is_some() && listener.destination == destination);
    let shared = inside.iter().find(|listener| listener.destination.is_none());
    let listener = own.or(shared).copied();
    let Some(address) = at.or_else(|| listener.map(|listener| listener.address)) else {
        return Ok(Err("no listener has `serves = \"archive\"`, and no --listen was given".to_owned()));
    };
    let mode = match listener.map(|listener| listener.tls) {
        Some(ListenerTls::Mutual) => Some(Mode::Mutual),
        Some(ListenerTls::Server) => Some(Mode::Server),
        Some(ListenerTls::Off) | None => None,
    };
    let tls = match (mode, material) {
        (Some(mode), Some(material)) => {
            let made = pki::server_config(material, mode, SessionLimits::default());
            Some(made.map_err(|fault| Failed(fault.to_string(), EXIT_CONFIGURATION))?)
        }
        _ => None,
    };
    match Answerer::listen(address, tls, SILENCE) {
        Ok(ear) => Ok(Ok(ear)),
        Err(fault) if fault.kind() == std::io::ErrorKind::AddrInUse => Err(Failed(
            format!(
                "{address}, where the archive delivers to, is taken: by the running gateway, probably\n  \
                 hint: stop the gateway while the archive is probed, or let the archive deliver elsewhere meanwhile \
                 and say where: --listen ADDRESS:PORT"
            ),
            1,
        )),
        Err(fault) => Err(Failed(format!("{address} cannot be listened at: {fault}"), 1)),
    }
}

#[cfg(test)]
mod tests;

//! What the commands that talk to an archive have in common: whom they call, and what they seal and open with.

use super::ring;
use crate::cli::{EXIT_CONFIGURATION, dial};
use crate::config::{Archive, Settings, who};
use crate::dicom::AeTitle;
use crate::pki::{TlsFiles, TlsMaterial};
use crate::proxy::vault::VaultRoom;
use crate::proxy::vault::prove::Means;
use crate::proxy::vault::verify::ReadBack;
use crate::scu::Target;
use crate::transform::open::OpenOptions;
use crate::vault::Unlock;
use rustls::ClientConfig;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// How long each answer of an archive may take.
const ANSWER: Duration = Duration::from_secs(120);

/// The configuration, its keys, and how archives are called.
pub struct Ground {
    pub settings: Settings,
    pub room: VaultRoom,
    pub material: Option<TlsMaterial>,
}

/// What is sealed with, of these keys.
pub(super) fn means(room: &VaultRoom) -> Means {
    Means { context: Arc::clone(&room.context), options: Arc::clone(room.options(false)) }
}

impl Ground {
    /// Loads all of it; on failure says why, and returns the exit code.
    pub fn load(config: &Path) -> Result<Self, ExitCode> {
        let settings = ring::settings(config)?;
        let refused = |words: Vec<String>| {
            words.iter().for_each(|words| eprintln!("{words}"));
            ExitCode::from(EXIT_CONFIGURATION)
        };
        let room = VaultRoom::load(ring::vault(&settings)?, &settings).map_err(refused)?;
        let now = jiff::Timestamp::now().as_second();
        let material = TlsFiles::of(&settings).map(|files| TlsMaterial::load(&files, now)).transpose();
        let material = material.map_err(|faults| refused(faults.iter().map(ToString::to_string).collect()))?;
        Ok(Self { settings, room, material })
    }

    /// The archive of this title, or the only one.
    pub fn archive(&self, title: Option<AeTitle>) -> Result<&Archive, ExitCode> {
        let all = &self.settings.archives;
        let found = match title {
            Some(title) => all.iter().find(|archive| archive.ae_title == title),
            None => all.first().filter(|_| all.len() == 1),
        };
        found.ok_or_else(|| {
            let titles: Vec<String> = all.iter().map(|archive| archive.ae_title.to_string()).collect();
            let unknown = title.map(|title| format!("there is no archive {title}; ")).unwrap_or_default();
            eprintln!("{unknown}say which archive: {}", titles.join(", "));
            ExitCode::from(2)
        })
    }

    /// TLS towards an archive.
    pub fn tls(&self, archive: &Archive) -> Result<Option<Arc<ClientConfig>>, ExitCode> {
        dial::archive_tls(archive, self.material.as_ref()).map_err(|words| {
            eprintln!("{words}");
            ExitCode::from(EXIT_CONFIGURATION)
        })
    }

    /// What is sealed with.
    pub fn means(&self) -> Means {
        means(&self.room)
    }

    /// Limits on opening at an archive.
    pub fn opening(&self, archive: &Archive) -> OpenOptions {
        let limits = &self.settings.limits;
        OpenOptions {
            minted: archive.vault.rewrites_sop,
            header: u32::try_from(limits.seal_header).unwrap_or(u32::MAX),
            depth: u16::try_from(limits.data_set_depth).unwrap_or(u16::MAX),
            ..OpenOptions::default()
        }
    }

    /// How what an archive gives back is opened.
    pub fn reading(&self, archive: &Archive) -> ReadBack {
        ReadBack {
            unlock: Unlock::from(Arc::clone(&self.room.ring)),
            options: self.opening(archive),
            compare: false,
            decoder: Some(self.room.decoder.clone()),
        }
    }

    /// The title that an archive sees when nobody says another.
    pub fn calling(&self, archive: &Archive, said: Option<AeTitle>) -> AeTitle {
        said.or_else(|| who::callers(&self.settings, archive).first().copied()).unwrap_or(archive.ae_title)
    }
}

/// An archive, called by this title.
pub fn target<'a>(
    archive: &'a Archive,
    address: &'a str,
    tls: Option<Arc<ClientConfig>>,
    calling: AeTitle,
) -> Target<'a> {
    Target {
        address,
        bind: archive.bind_address,
        within: &[],
        tls,
        calling,
        called: archive.ae_title,
        connect: archive.connect_timeout,
        answer: ANSWER,
    }
}

/// A runtime for one command; on failure says why.
pub fn runtime() -> Result<tokio::runtime::Runtime, ExitCode> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(|fault| {
        eprintln!("the runtime cannot be started: {fault}");
        ExitCode::from(crate::cli::EXIT_INTERNAL)
    })
}

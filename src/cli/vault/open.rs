//! `dicomgate vault open FILE...`: what was sealed comes out, with nothing else than the files and a key.

use super::restore::{RestoreFault, Restored, restore};
use super::with::With;
use crate::cli::audit::Format;
use crate::transform::open::OpenFault;
use crate::vault::Unlock;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Open {
    /// Sealed objects: DICOM files as the archive holds or sends them
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Where the originals go, each as its SOP Instance UID with `.dcm`; without it the files are only checked
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    with: With,
    /// Open what an archive has given another SOP Instance UID, too
    #[arg(long)]
    minted: bool,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Open {
    /// Opens. 0: all of them; 1: not all; 2: the key cannot be used.
    pub fn run(&self) -> ExitCode {
        if let Some(folder) = self.out.as_deref()
            && let Err(fault) = made(folder)
        {
            match fault.kind() {
                io::ErrorKind::AlreadyExists => eprintln!("`{}` is no folder: --out takes one", folder.display()),
                _ => eprintln!("`{}`: {fault}", folder.display()),
            }
            return ExitCode::from(2);
        }
        let unlock = match self.with.unlock() {
            Ok(unlock) => unlock,
            Err(code) => return code,
        };
        let mut failed = 0;
        let mut out = io::stdout().lock();
        for file in &self.files {
            let outcome = restore(file, &unlock, self.out.as_deref(), self.minted);
            failed += u32::from(outcome.is_err());
            let written = match self.format {
                Format::Text => text(&mut out, file, &outcome, &unlock),
                Format::Json => writeln!(out, "{}", json(file, &outcome, &unlock)),
            };
            // Who closes the pipe has read enough.
            if written.is_err() {
                break;
            }
        }
        ExitCode::from(u8::from(failed > 0))
    }
}

/// Makes a folder for what comes out, for its owner alone; one that is there stays as it is.
fn made(folder: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

type Outcome = Result<Restored, RestoreFault>;

const fn proves_origin(unlock: &Unlock) -> bool {
    matches!(unlock, Unlock::Ring(_))
}

fn text(out: &mut dyn Write, file: &Path, outcome: &Outcome, unlock: &Unlock) -> io::Result<()> {
    let restored = match outcome {
        Ok(restored) => restored,
        Err(fault) => {
            writeln!(out, "{}: NOT OPENED: {fault}", file.display())?;
            return match fault {
                RestoreFault::Open(OpenFault::Identity { attribute: "SOPInstanceUID" }) => writeln!(
                    out,
                    "    --minted opens it if its archive gives objects UIDs of its own (`rewrites = [\"sop\"]`); else somebody put the seal into another object"
                ),
                _ => Ok(()),
            };
        }
    };
    let (inner, opened) = (&restored.inner, &restored.opened);
    let (segments, bytes) = (opened.segments, opened.bytes);
    writeln!(out, "{}: whole, {segments} segments, {bytes} bytes, seal {}", file.display(), inner.seal)?;
    match (proves_origin(unlock), inner.key) {
        (true, Some(key)) => writeln!(out, "    sealed with ring key {key}")?,
        (true, None) => writeln!(out, "    sealed with the ring")?,
        (false, _) => writeln!(
            out,
            "    opened by escrow alone: that proves no origin, as anybody with the certificate could have sealed it"
        )?,
    }
    if restored.inner.sop_instance != restored.instance {
        writeln!(out, "    sealed as SOP instance {}", restored.inner.sop_instance)?;
    }
    if !opened.drift.is_empty() {
        writeln!(out, "    changed in the archive since, and left as it stands there: {}", opened.drift.join(", "))?;
    }
    if !opened.added.is_empty() {
        writeln!(
            out,
            "    added in the archive since to what is always sealed, and left out: {}",
            opened.added.join(", ")
        )?;
    }
    match &restored.to {
        Some(path) => writeln!(out, "    original: {}", path.display()),
        None => Ok(()),
    }
}

fn json(file: &Path, outcome: &Outcome, unlock: &Unlock) -> serde_json::Value {
    let file = file.display().to_string();
    match outcome {
        Err(fault) => serde_json::json!({ "file": file, "opened": false, "fault": fault.to_string() }),
        Ok(Restored { instance, sop_class, inner, opened, to }) => serde_json::json!({
            "file": file,
            "opened": true,
            "origin_proven": proves_origin(unlock),
            "sop_class": sop_class,
            "sop_instance": instance,
            "sealed_as": inner.sop_instance,
            "transfer_syntax": inner.transfer_syntax,
            "seal": inner.seal.to_string(),
            "key": inner.key.map(|key| key.0),
            "segments": opened.segments,
            "bytes": opened.bytes,
            "drift": opened.drift,
            "added": opened.added,
            "original": to.as_ref().map(|path| path.display().to_string()),
        }),
    }
}

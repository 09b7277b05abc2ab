//! Workers, and who may have one.

use super::wire::{self, ANSWER};
use crate::config;
use crate::transform::frames::{Frame, Pixels};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;

/// How decoding is done; `[vault]` says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecoderSettings {
    /// The program with the command `decode-worker`; `None`: this one.
    pub program: Option<PathBuf>,
    /// Bytes of memory of a worker (`decode_memory`).
    pub memory: u64,
    /// How long one frame may take (`decode_time`).
    pub time: Duration,
    /// How long a frame may wait for a worker (`decode_wait`).
    pub wait: Duration,
    /// Workers at once (`decode_workers`); 0: nothing is decoded.
    pub workers: u32,
}

impl DecoderSettings {
    /// As the configuration says.
    pub const fn of(vault: &config::Vault) -> Self {
        let (memory, time, wait) = (vault.decode_memory, vault.decode_time, vault.decode_wait);
        Self { program: None, memory, time, wait, workers: vault.decode_workers }
    }
}

/// Why a frame is not decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkerFault {
    /// `decode_workers = 0`.
    #[error("decoding is switched off: `decode_workers`")]
    Off,
    /// The process does not start.
    #[error("a decoding worker does not start: {0}")]
    Start(String),
    /// All of them are at work for others.
    #[error("no decoding worker is free within {0:?}: `decode_wait`, `decode_workers`")]
    Busy(Duration),
    /// It was too slow, and was ended.
    #[error("a frame takes longer than {0:?}: `decode_time`")]
    Slow(Duration),
    /// It died, or said something else than an answer.
    #[error("the decoding worker failed")]
    Failed,
    /// It refuses.
    #[error("a frame cannot be decoded: {0}")]
    Refused(String),
}

/// Decoding workers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Decoder {
    settings: Arc<DecoderSettings>,
    slots: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Process>>>,
}

impl Decoder {
    /// With these limits; no worker is started yet.
    pub fn new(settings: DecoderSettings) -> Self {
        let slots = Arc::new(Semaphore::new(settings.workers as usize));
        Self { settings: Arc::new(settings), slots, idle: Arc::default() }
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &DecoderSettings {
        &self.settings
    }

    /// Has one frame decoded, by a worker that is free; waits for one as long as may be, in turn. What an older process dies of, a fresh one is
    /// asked once more: it may have been ended by somebody else.
    ///
    /// # Errors
    /// Decoding is switched off, or this frame is not decoded.
    pub(super) async fn decode(&self, frame: &Frame) -> Result<Pixels, WorkerFault> {
        let wait = self.settings.wait;
        let slot = tokio::time::timeout(wait, self.slots.acquire()).await.map_err(|_| WorkerFault::Busy(wait))?;
        let slot = slot.map_err(|_| WorkerFault::Off)?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let outcome = match idle {
            Some(process) => match self.ask(process, frame).await {
                Err(WorkerFault::Failed) => self.ask(Process::start(&self.settings)?, frame).await,
                outcome => outcome,
            },
            None => self.ask(Process::start(&self.settings)?, frame).await,
        };
        drop(slot);
        outcome
    }

    /// Behind an answer the process is idle again; behind anything else it is ended, also when nobody waits any more.
    async fn ask(&self, mut process: Process, frame: &Frame) -> Result<Pixels, WorkerFault> {
        let time = self.settings.time;
        match tokio::time::timeout(time, process.ask(frame)).await {
            Err(_) => Err(WorkerFault::Slow(time)),
            Ok(Err(_)) => Err(WorkerFault::Failed),
            Ok(Ok(answer)) => {
                if process.frames < FRAMES {
                    self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(process);
                }
                answer.map_err(WorkerFault::Refused)
            }
        }
    }
}

/// A process is used for so many frames; what a codec leaves behind ends with it.
const FRAMES: u32 = 10_000;

/// A process that decodes.
#[derive(Debug)]
struct Process {
    child: Child,
    stream: UnixStream,
    frames: u32,
}

impl Process {
    fn start(settings: &DecoderSettings) -> Result<Self, WorkerFault> {
        let fault = |fault: std::io::Error| WorkerFault::Start(fault.kind().to_string());
        let program = match &settings.program {
            Some(program) => program.clone(),
            // Also where the file has been replaced since.
            None => PathBuf::from("/proc/self/exe"),
        };
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(fault)?;
        ours.set_nonblocking(true).map_err(fault)?;
        let output: OwnedFd = theirs.try_clone().map_err(fault)?.into();
        let input: OwnedFd = theirs.into();
        // Over all its frames; the time of one is kept here.
        let seconds = settings.time.as_secs().max(1).saturating_mul(u64::from(FRAMES));
        let child = Command::new(program)
            .arg("decode-worker")
            .arg(format!("--memory={}", settings.memory))
            .arg(format!("--seconds={seconds}"))
            // Room is taken as it is needed, so that the limit means something.
            .env_clear()
            .env("MIMALLOC_ARENA_RESERVE", "0")
            .stdin(Stdio::from(input))
            .stdout(Stdio::from(output))
            .stderr(Stdio::null())
            .spawn()
            .map_err(fault)?;
        let stream = UnixStream::from_std(ours).map_err(fault)?;
        Ok(Self { child, stream, frames: 0 })
    }

    async fn ask(&mut self, frame: &Frame) -> std::io::Result<Result<Pixels, String>> {
        self.frames = self.frames.saturating_add(1);
        self.stream.write_all(&wire::request(frame)).await?;
        self.stream.write_all(&frame.bytes).await?;
        let mut head = [0; ANSWER];
        self.stream.read_exact(&mut head).await?;
        let (photometric, length) = wire::read_answer(&head).map_err(std::io::Error::other)?;
        let wanted = frame.image.frame_bytes();
        if photometric.is_some() && u64::from(length) != wanted {
            return Err(std::io::Error::other(wire::NoMessage));
        }
        let mut bytes = vec![0; length as usize];
        self.stream.read_exact(&mut bytes).await?;
        Ok(match photometric {
            Some(photometric) => Ok(Pixels { photometric, bytes }),
            None => Err(String::from_utf8_lossy(&bytes).chars().filter(|c| !c.is_control()).collect()),
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        // It is gone at once; what is left is to fetch its exit code.
        let _ = self.child.wait();
    }
}

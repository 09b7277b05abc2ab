//! `dicomgate decode-worker`: decodes compressed frames for the gateway, in a process of its own that can do nothing else. It
//! reads requests from standard input and answers on standard output; it opens no file and no socket, starts no process, and
//! has no more memory than it was given.

mod codec;
mod jpeg;
mod jpeg2000;
mod jpeg_ls;
mod rle;
mod sandbox;
#[cfg(test)]
mod tests;

use crate::proxy::vault::decode::wire::{self, REQUEST};
use crate::transform::frames::{Frame, Pixels};
use clap::Args;
use std::io::{Read, Write};
use std::process::ExitCode;

/// What the gateway starts; of no use by hand.
#[derive(Debug, Args)]
pub(super) struct Worker {
    /// Bytes of memory beyond what the process begins with
    #[arg(long)]
    memory: u64,
    /// Seconds of processor time, over all frames
    #[arg(long)]
    seconds: u64,
}

/// Runs until standard input ends.
pub(super) fn run(worker: &Worker) -> ExitCode {
    // A codec that gives up says so in the answer; nobody reads what would be printed.
    std::panic::set_hook(Box::new(|_| {}));
    if sandbox::enter(worker.memory, worker.seconds).is_err() {
        return ExitCode::from(super::EXIT_INTERNAL);
    }
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    match serve(&mut input, &mut output, worker.memory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Answers requests until there are no more.
fn serve(input: &mut impl Read, output: &mut impl Write, memory: u64) -> std::io::Result<()> {
    loop {
        let mut head = [0; REQUEST];
        match input.read_exact(&mut head) {
            Err(fault) if fault.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
            outcome => outcome?,
        }
        let (image, length) = wire::read_request(&head).map_err(std::io::Error::other)?;
        if u64::from(length).saturating_add(image.frame_bytes()) > memory {
            // Taken and thrown away, so that the next request is found.
            std::io::copy(&mut input.take(length.into()), &mut std::io::sink())?;
            answer(output, Err("the frame is too large"))?;
            continue;
        }
        let mut bytes = Vec::new();
        if bytes.try_reserve_exact(length as usize).is_err() {
            return Err(std::io::Error::other("no memory"));
        }
        bytes.resize(length as usize, 0);
        input.read_exact(&mut bytes)?;
        let frame = Frame { image, bytes };
        let outcome = std::panic::catch_unwind(|| codec::decode(&frame));
        let outcome = outcome.unwrap_or_else(|_| Err("the codec failed".to_owned()));
        answer(output, outcome.as_ref().map_err(String::as_str))?;
    }
}

fn answer(output: &mut impl Write, outcome: Result<&Pixels, &str>) -> std::io::Result<()> {
    output.write_all(&wire::answer(outcome))?;
    match outcome {
        Ok(pixels) => output.write_all(&pixels.bytes)?,
        Err(words) => output.write_all(words.as_bytes().get(..words.len().min(wire::WORDS)).unwrap_or_default())?,
    }
    output.flush()
}

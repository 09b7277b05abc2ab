//! A new passcode: typed twice, or one line of standard input.

use super::Refusal;
use std::io::{BufRead, Read as _};
use zeroize::Zeroizing;

/// The fewest characters of a new passcode.
pub(super) const SHORTEST: usize = 8;
/// The most bytes that a passcode has.
const LONGEST: usize = 1024;

/// Reads it from the terminal, twice.
pub(super) fn typed(name: &str) -> Result<Zeroizing<String>, Refusal> {
    let ask = |words: String| {
        rpassword::prompt_password(words).map(Zeroizing::new).map_err(|fault| {
            Refusal::no(format!("there is no terminal to type the passcode on ({fault}): use --password-stdin"))
        })
    };
    let first = sound(ask(format!("passcode for {name}: "))?)?;
    let second = ask("once more: ".to_owned())?;
    if *first == *second { Ok(first) } else { Err(Refusal::no("the two are not the same; nothing was changed")) }
}

/// Reads one line; its end is not part of it.
pub(super) fn piped(input: &mut dyn BufRead) -> Result<Zeroizing<String>, Refusal> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 3));
    input
        .take(LONGEST as u64 + 3)
        .read_until(b'\n', &mut bytes)
        .map_err(|fault| Refusal::no(format!("no passcode could be read: {fault}")))?;
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = std::str::from_utf8(line).map_err(|_| Refusal::no("a passcode must be UTF-8 text"))?;
    sound(Zeroizing::new(text.to_owned()))
}

fn sound(passcode: Zeroizing<String>) -> Result<Zeroizing<String>, Refusal> {
    if passcode.chars().count() < SHORTEST {
        return Err(Refusal::no(format!("a passcode has at least {SHORTEST} characters; nothing was changed")));
    }
    if passcode.len() > LONGEST {
        return Err(Refusal::no(format!("a passcode has at most {LONGEST} bytes; nothing was changed")));
    }
    if passcode.chars().any(char::is_control) {
        return Err(Refusal::no("a passcode has no control characters: devices cannot send them; nothing was changed"));
    }
    Ok(passcode)
}

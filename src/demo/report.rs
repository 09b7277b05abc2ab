//! What the tour says: one line a step, a tick or a cross, figures. Colour only on a terminal that wants it.

use std::fmt::{self, Display};
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

/// Prints the tour and remembers whether every step did what it should.
#[derive(Debug)]
pub struct Report<W> {
    out: W,
    colour: bool,
    failed: u32,
    passed: u32,
}

impl Report<io::Stdout> {
    /// On standard output; colour if that is a terminal and `NO_COLOR` (<https://no-color.org>) is not set.
    pub fn stdout() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let out = io::stdout();
        let colour = wanted && !dumb && out.is_terminal();
        Self::new(out, colour)
    }
}

impl<W: Write> Report<W> {
    /// On any writer.
    pub const fn new(out: W, colour: bool) -> Self {
        Self { out, colour, failed: 0, passed: 0 }
    }

    /// The writer, with all that was said.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// Opens a chapter.
    pub fn chapter(&mut self, title: impl Display) {
        let title = self.paint("1", &title.to_string());
        self.line(format_args!("\n{title}"));
    }

    /// A step that did what it should.
    pub fn tick(&mut self, what: impl Display) {
        self.passed += 1;
        let mark = self.paint("32", "✓");
        self.line(format_args!("  {mark} {what}"));
    }

    /// A step that did not.
    pub fn cross(&mut self, what: impl Display) {
        self.failed += 1;
        let mark = self.paint("31", "✗");
        self.line(format_args!("  {mark} {what}"));
    }

    /// A step, by its outcome.
    pub fn step(&mut self, outcome: Result<String, String>) {
        match outcome {
            Ok(what) => self.tick(what),
            Err(what) => self.cross(what),
        }
    }

    /// More about the step above.
    pub fn detail(&mut self, what: impl Display) {
        let what = self.paint("2", &what.to_string());
        self.line(format_args!("    {what}"));
    }

    /// Plain text.
    pub fn text(&mut self, what: impl Display) {
        self.line(format_args!("  {what}"));
    }

    /// How many steps did what they should.
    pub const fn passed(&self) -> u32 {
        self.passed
    }

    /// How many did not.
    pub const fn failed(&self) -> u32 {
        self.failed
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        // A reader that went away (`demo | head`) does not stop the tour; its exit code still tells.
        let _ = writeln!(self.out, "{line}");
        let _ = self.out.flush();
    }
}

/// How many bytes in how long, as people read it.
pub fn volume(bytes: u64, took: Duration) -> String {
    let megabytes = bytes as f64 / 1e6;
    let seconds = took.as_secs_f64().max(1e-6);
    format!("{megabytes:.1} MB in {:.0} ms, {:.0} MB/s", seconds * 1e3, megabytes / seconds)
}

/// A number of things, in the singular where there is one.
pub fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// A duration in milliseconds.
pub fn milliseconds(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_and_paints_only_where_asked() {
        let mut plain = Report::new(Vec::new(), false);
        plain.chapter("One");
        plain.step(Ok("stored".to_owned()));
        plain.step(Err("lost".to_owned()));
        plain.detail("why");
        assert_eq!((plain.passed(), plain.failed()), (1, 1));
        assert_eq!(String::from_utf8(plain.out).unwrap(), "\nOne\n  ✓ stored\n  ✗ lost\n    why\n");

        let mut painted = Report::new(Vec::new(), true);
        painted.tick("stored");
        assert_eq!(String::from_utf8(painted.out).unwrap(), "  \x1b[32m✓\x1b[0m stored\n");
    }

    #[test]
    fn figures_are_those_of_the_step() {
        assert_eq!(volume(12_500_000, Duration::from_millis(50)), "12.5 MB in 50 ms, 250 MB/s");
        assert_eq!(milliseconds(Duration::from_micros(1234)), "1.2 ms");
    }
}

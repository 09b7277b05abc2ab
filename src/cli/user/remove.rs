//! `dicomgate user remove`.

use super::file::Book;
use super::{Outcome, Refusal, Where, print};
use std::io::Write;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Remove {
    /// The name of the account
    name: String,
    #[command(flatten)]
    place: Where,
}

impl Remove {
    pub(super) fn run(&self, out: &mut dyn Write) -> Outcome {
        let book = Book::open(&self.place.path()?)?;
        if !book.accounts.iter().any(|account| account.name == self.name) {
            return Err(Refusal::no(format!("there is no account `{}` in `{}`", self.name, book.path().display())));
        }
        let shown = book.path().display().to_string();
        book.remove(&self.name)?;
        print(out, &format!("{}  removed from {shown}; a running gateway takes it when it reloads\n", self.name))
    }
}

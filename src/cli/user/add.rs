//! `dicomgate user add`.

use super::file::Book;
use super::{Outcome, Refusal, Where, passcode, print};
use crate::config::accounts;
use crate::identity::local::hash;
use std::collections::BTreeMap;
use std::io::{BufRead, Write};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// The name as devices send it: 1 to 64 characters
    name: String,
    /// A role that rules name; may be given again
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// What `{user.NAME}` stands for in rules; given again with the same name, another value of it
    #[arg(long = "attribute", value_name = "NAME=VALUE")]
    attributes: Vec<String>,
    /// Take the passcode from standard input, one line, instead of asking for it twice
    #[arg(long)]
    password_stdin: bool,
    /// The account is there already: give it another passcode, and change nothing else
    #[arg(long, conflicts_with_all = ["roles", "attributes"])]
    replace: bool,
    #[command(flatten)]
    place: Where,
}

impl Add {
    pub(super) fn run(&self, input: &mut dyn BufRead, out: &mut dyn Write) -> Outcome {
        let name = self.name.as_str();
        if !accounts::is_name(name) {
            let words =
                "a name has 1 to 64 characters, no control characters, and no spaces around it: devices send it so";
            return Err(Refusal::no(words));
        }
        let attributes = self.attributes()?;
        let path = self.place.path()?;
        // Asked before the file is held: somebody types.
        let known = |book: &Book| book.accounts.iter().any(|account| account.name == name);
        self.fits(known(&Book::open(&path)?))?;
        let passcode = if self.password_stdin { passcode::piped(input)? } else { passcode::typed(name)? };
        let phc = hash::new_phc(passcode.as_bytes()).map_err(|fault| Refusal::no(fault.to_string()))?;
        let book = Book::open(&path)?;
        self.fits(known(&book))?;
        let shown = book.path().display().to_string();
        if self.replace {
            book.rehash(name, &phc)?;
            return print(out, &format!("{name}  has another passcode now, in {shown}\n"));
        }
        book.append(&self.entry(&attributes, &phc))?;
        print(out, &format!("{name}  added to {shown}; a running gateway takes it when it reloads\n"))
    }

    fn fits(&self, known: bool) -> Outcome {
        match (known, self.replace) {
            (true, false) => Err(Refusal::no(format!(
                "there is an account `{}` already: --replace gives it another passcode, `dicomgate user remove` takes it out",
                self.name
            ))),
            (false, true) => Err(Refusal::no(format!("there is no account `{}`", self.name))),
            _ => Ok(()),
        }
    }

    fn attributes(&self) -> Result<BTreeMap<&str, Vec<&str>>, Refusal> {
        let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for pair in &self.attributes {
            let Some((name, value)) =
                pair.split_once('=').filter(|(name, value)| !name.is_empty() && !value.is_empty())
            else {
                return Err(Refusal::no(format!("`{pair}` is no attribute: write physician=MUELLER^HANS")));
            };
            all.entry(name).or_default().push(value);
        }
        Ok(all)
    }

    fn entry(&self, attributes: &BTreeMap<&str, Vec<&str>>, phc: &str) -> String {
        let list = |values: &[&str]| values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(", ");
        let mut entry = format!("[[user]]\nname = {}\npassword = {}\n", quoted(&self.name), quoted(phc));
        if !self.roles.is_empty() {
            let roles: Vec<&str> = self.roles.iter().map(String::as_str).collect();
            entry.push_str(&format!("roles = [{}]\n", list(&roles)));
        }
        if !attributes.is_empty() {
            let pairs = attributes.iter().map(|(name, values)| format!("{} = [{}]", quoted(name), list(values)));
            entry.push_str(&format!("attributes = {{ {} }}\n", pairs.collect::<Vec<_>>().join(", ")));
        }
        entry
    }
}

/// A TOML basic string; JSON's escapes are among TOML's.
fn quoted(value: &str) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

//! `users.toml`: accounts of people that the gateway keeps itself.

use super::{Text, repeated};
use crate::config::accounts::{Account, is_name};
use crate::config::fault::{Fault, Report};
use crate::config::raw::accounts::{RawUser, RawUsersFile};
use crate::config::raw::parse;
use std::collections::HashSet;
use toml::Spanned;

/// All accounts that can be read, and everything that is wrong with the file.
pub(in crate::config) fn validate((path, text): Text<'_>) -> (Vec<Account>, Vec<Fault>) {
    let mut report = Report::new(path, text);
    let table = parse(text, &mut report);
    let raw = RawUsersFile::read_table(table.get_ref(), 0..0, &mut report);
    let mut names = HashSet::new();
    let mut accounts = Vec::new();
    for user in raw.user.items().iter().map(Spanned::get_ref) {
        if let Some(name) = user.name.spanned() {
            if !is_name(&name.get_ref().0) {
                report
                    .error(name.span(), "`name` must be 1 to 64 characters")
                    .hint("write the name as the device sends it");
            } else if !names.insert(name.get_ref().0.as_str()) {
                report
                    .error(name.span(), format!("there is an account `{}` already", name.get_ref().0))
                    .hint("take one of the two out");
            }
        }
        accounts.extend(account(user, &mut report));
    }
    (accounts, report.into_faults())
}

fn account(raw: &RawUser, report: &mut Report<'_>) -> Option<Account> {
    repeated_roles(raw, report);
    for (name, values) in raw.attributes.get().iter().flat_map(|table| &table.0) {
        // Such a value denies wherever a rule uses it: an administrator should hear of it here.
        if values.iter().any(|value| value.contains(['*', '?', '\\'])) {
            let at = raw.attributes.spanned().map(Spanned::span).unwrap_or_default();
            report
                .warning(at, format!("`{name}` has a wildcard or `\\`: no rule that uses it will permit anything"))
                .hint("write the value as it stands in the archive");
        }
    }
    let mut roles: Vec<String> = raw.roles.items().iter().map(|role| role.get_ref().0.clone()).collect();
    roles.sort_unstable();
    roles.dedup();
    Some(Account {
        name: raw.name.get()?.0.clone(),
        password: raw.password.cloned()?,
        roles,
        attributes: raw.attributes.cloned().unwrap_or_default().0,
        // A word that was not understood is a fault anyway.
        disabled: raw.disabled.cloned().unwrap_or_default(),
    })
}

fn repeated_roles(raw: &RawUser, report: &mut Report<'_>) {
    let roles: Vec<Spanned<String>> =
        raw.roles.items().iter().map(|role| Spanned::new(role.span(), role.get_ref().0.clone())).collect();
    repeated("role", &roles, report);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$KdGbmuKw8q4lqDRTHXNwjZTxJXE6jnVnLFqG4tVjPGk";

    fn read(text: &str) -> (Vec<Account>, Vec<String>) {
        let (accounts, faults) = validate((Path::new("users.toml"), &text.replace("HASH", HASH)));
        (accounts, faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn accounts_are_read_whole() {
        let (accounts, faults) = read(
            "[[user]]\nname = \"mueller\"\npassword = \"HASH\"\nroles = [\"referrer\", \"a\"]\n\
             attributes = { physician = [\"MUELLER^HANS\", \"MÜLLER^HANS\"], clinic = \"K1\" }\n\
             [[user]]\nname = \"gone\"\npassword = \"HASH\"\ndisabled = true\n",
        );
        assert!(faults.is_empty(), "{faults:?}");
        let [first, second] = &accounts[..] else { panic!("{accounts:?}") };
        assert_eq!(first.roles, ["a", "referrer"]);
        assert_eq!(first.attributes["physician"], ["MUELLER^HANS", "MÜLLER^HANS"]);
        assert_eq!(first.attributes["clinic"], ["K1"]);
        assert!(!first.disabled && second.disabled);
        assert_eq!(read("").0, []);
    }

    #[test]
    fn faults_have_their_lines_and_never_a_password() {
        for (text, line, words) in [
            ("[[user]]\nname = \"a\"\npassword = \"hunter2hunter2\"\n", 3, "cannot be used"),
            ("[[user]]\nname = \"a\"\n", 1, "`password` is missing"),
            ("[[user]]\npassword = \"HASH\"\n", 1, "`name` is missing"),
            (
                "[[user]]\nname = \"a\"\npassword = \"HASH\"\n[[user]]\nname = \"a\"\npassword = \"HASH\"\n",
                5,
                "already",
            ),
            ("[[user]]\nname = \"a\"\npassword = \"HASH\"\nrole = [\"x\"]\n", 4, "not a key"),
            ("[[user]]\nname = \"a\"\npassword = \"HASH\"\nroles = [\"x\", \"x\"]\n", 4, "twice"),
            ("[[user]]\nname = \"a\"\npassword = \"HASH\"\nattributes = { name = \"x\" }\n", 4, "cannot be the name"),
            ("[[user]]\nname = \"a\"\npassword = \"HASH\"\nattributes = { x = [] }\n", 4, "no value"),
            ("[[user]]\nname = \"a\"\npassword = \"HASH\"\nattributes = { x = \"A*\" }\n", 4, "warning"),
        ] {
            let (_, faults) = read(text);
            let [fault] = &faults[..] else { panic!("{text}: {faults:?}") };
            assert!(fault.starts_with(&format!("users.toml:{line}:")), "{fault}");
            assert!(fault.contains(words), "{fault}");
            assert!(!fault.contains("hunter2") && !fault.contains("argon2id$v=19$m"), "{fault}");
        }
    }
}

//! `users.toml` as written: accounts that the gateway keeps itself.

use super::words::{Word, text};
use super::{List, Read, raw_table};
use crate::config::accounts::PasswordHash;
use crate::config::fault::Report;
use crate::config::raw::table::wrong_type;
use schemars::{Schema, SchemaGenerator, json_schema};
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::DeValue;

raw_table! {
    /// People whom the gateway knows by itself: written by `dicomgate user`, reloaded live.
    pub struct RawUsersFile in "users.toml" {
        /// One account each.
        pub user: List<RawUser>,
    }
}

raw_table! {
    /// A local account.
    pub struct RawUser in "[[user]]" {
        /// The name as devices send it; unique. Compared byte for byte.
        pub name!("\"mueller\""): Word,
        /// Argon2id as a PHC string: `dicomgate user add` makes it.
        pub password!("\"$argon2id$v=19$...\""): PasswordHash,
        /// Roles that rules name: role:NAME.
        pub roles: List<Word>,
        /// What `{user.NAME}` stands for in rules.
        pub attributes: AttributeTable,
        /// true: the account cannot be used for now.
        pub disabled: bool,
    }
}

/// Names with one or several values each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttributeTable(pub BTreeMap<String, Vec<String>>);

impl Read for AttributeTable {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let Some(table) = value.get_ref().as_table() else {
            wrong_type(key, "a table", value, report).hint("write attributes = { physician = \"MUELLER^HANS\" }");
            return None;
        };
        let mut read = BTreeMap::new();
        for (name, value) in table {
            let word = name.get_ref().as_ref();
            if !is_attribute(word) {
                report
                    .error(name.span(), format!("`{}` cannot be the name of an attribute", word.escape_debug()))
                    .hint("letters, digits, `_` and `-`, at most 64, and not `name`: `{user.name}` is the account's");
                continue;
            }
            let values = match value.get_ref().as_array() {
                Some(_) => List::<String>::read(word, value, report)?.0.into_iter().map(Spanned::into_inner).collect(),
                None => vec![text(word, "text or a list of texts", value, report)?.to_owned()],
            };
            if values.is_empty() {
                report.error(value.span(), format!("`{word}` has no value")).hint("take it out, or write its value");
                continue;
            }
            read.insert(word.to_owned(), values);
        }
        Some(Self(read))
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        let text = json_schema!({ "type": "string", "minLength": 1 });
        json_schema!({
            "type": "object",
            "additionalProperties": { "anyOf": [text, { "type": "array", "items": text, "minItems": 1 }] }
        })
    }
}

/// Whether `{user.NAME}` can name it.
pub(in crate::config) fn is_attribute(name: &str) -> bool {
    let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    (1..=64).contains(&name.len()) && name.chars().all(sound) && name != "name"
}

/// Says only that the text is wrong, never what it is.
impl Read for PasswordHash {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let text = text(key, "text that begins with \"$argon2id$\"", value, report)?;
        match Self::parse(text) {
            Ok(hash) => Some(hash),
            Err(words) => {
                report
                    .error(value.span(), format!("this `{key}` cannot be used: {words}"))
                    .hint("never write a password here: `dicomgate user remove NAME`, then `dicomgate user add NAME`");
                None
            }
        }
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^\\$argon2id\\$v=19\\$" })
    }
}

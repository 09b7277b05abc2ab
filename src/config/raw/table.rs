//! How tables are read: every fault is reported, and reading goes on.

use crate::config::fault::{NOT_TOML, Report, nearest};
use schemars::{Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value of a file that may be wrong: wrongness is reported, and nothing comes out.
pub trait Read: Sized {
    /// Takes the value of `key`, or reports why not.
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self>;

    /// What editors are told about such a value.
    fn schema(generator: &mut SchemaGenerator) -> Schema;
}

/// A table that knows where its keys stand.
pub trait Located {
    /// Where the value of a key stands; the table, if it is not there.
    fn span_of(&self, key: &str) -> Range<usize>;
}

/// What a file says for one key.
#[derive(Debug, Clone, Default)]
pub enum Field<T> {
    /// Nothing.
    #[default]
    Absent,
    /// Something wrong, already reported: what hangs on it is not reported again.
    Faulty,
    /// This, there.
    Given(Spanned<T>),
}

impl<T> Field<T> {
    /// The value, if there is a sound one.
    pub fn get(&self) -> Option<&T> {
        self.spanned().map(Spanned::get_ref)
    }

    /// The value and where it stands, if there is a sound one.
    pub fn spanned(&self) -> Option<&Spanned<T>> {
        match self {
            Self::Given(value) => Some(value),
            Self::Absent | Self::Faulty => None,
        }
    }

    /// The value, if there is a sound one.
    pub fn cloned(&self) -> Option<T>
    where
        T: Clone,
    {
        self.get().cloned()
    }

    /// Whether the file says nothing.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

impl<T: Read> Field<T> {
    /// Reads the value of a key.
    pub(in crate::config) fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Self {
        match T::read(key, value, report) {
            Some(read) => Self::Given(Spanned::new(value.span(), read)),
            None => Self::Faulty,
        }
    }
}

/// A list; items that are wrong were reported and are missing.
#[derive(Debug, Clone)]
pub struct List<T>(pub Vec<Spanned<T>>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Clone> Field<List<T>> {
    /// The sound items; none if the key is absent.
    pub fn items(&self) -> &[Spanned<T>] {
        self.get().map_or(&[], |list| &list.0)
    }

    /// The sound items without their places.
    pub fn values(&self) -> Vec<T> {
        self.items().iter().map(|item| item.get_ref().clone()).collect()
    }
}

impl<T: Read> Read for List<T> {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let Some(array) = value.get_ref().as_array() else {
            let hint = match value.get_ref().is_table() {
                true => {
                    let head = source(value, report).trim();
                    let head = if head.starts_with('[') { head.to_owned() } else { format!("[{key}]") };
                    format!("a table of which there may be several has two brackets: `[{head}]`")
                }
                false => format!("write {key} = [{}]", source(value, report)),
            };
            wrong_type(key, "a list", value, report).hint(hint);
            return None;
        };
        let mut list = Vec::with_capacity(array.len());
        for item in array.iter() {
            if let Some(read) = T::read(key, item, report) {
                list.push(Spanned::new(item.span(), read));
            }
        }
        Some(Self(list))
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "items": T::schema(generator) })
    }
}

/// The words of the file, for hints; what is long is cut.
pub(in crate::config) fn source<'a>(value: &Spanned<DeValue<'_>>, report: &Report<'a>) -> &'a str {
    let text = report.text().get(value.span()).unwrap_or_default();
    match text.len() > 60 || text.contains('\n') {
        true => "...",
        false => text,
    }
}

/// Reports a value of the wrong type.
pub(in crate::config) fn wrong_type<'r>(
    key: &str,
    wanted: &str,
    value: &Spanned<DeValue<'_>>,
    report: &'r mut Report<'_>,
) -> &'r mut crate::config::Fault {
    let found = match value.get_ref() {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    report.error(value.span(), format!("`{key}` must be {wanted}, not {found}"))
}

/// Reports a key that no table of this kind has.
pub(in crate::config) fn unknown(
    key: &Spanned<Cow<'_, str>>,
    table: &str,
    known: &[&str],
    later: &[(&str, &str)],
    report: &mut Report<'_>,
) {
    let word = key.get_ref().as_ref();
    if let Some((_, words)) = later.iter().find(|(name, _)| *name == word) {
        let (what, meanwhile) = words.split_once(" | ").unwrap_or((words, "leave it out"));
        report.error(key.span(), format!("not yet: `{word}` {what}")).hint(meanwhile);
        return;
    }
    let all = known.iter().chain(later.iter().map(|(name, _)| name)).copied();
    let hint = match nearest(word, all) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("the keys of {table} are {}", known.join(", ")),
    };
    report.error(key.span(), format!("`{word}` is not a key of {table}")).hint(hint);
}

/// Reports a key that must be there.
pub(in crate::config) fn missing(key: &str, table: &str, at: Range<usize>, example: &str, report: &mut Report<'_>) {
    let hint = match table.ends_with(".toml") {
        true => format!("add a table {example}"),
        false => format!("write {key} = {example}"),
    };
    report.error(at, format!("`{key}` is missing in {table}")).hint(hint);
}

/// Parses a file as far as it can be parsed; what is not TOML is reported.
pub(in crate::config) fn parse<'t>(text: &'t str, report: &mut Report<'_>) -> Spanned<DeTable<'t>> {
    let (table, faults) = DeTable::parse_recoverable(text);
    for fault in faults {
        let message = fault.message().lines().collect::<Vec<_>>().join(", ");
        report.error(fault.span().unwrap_or_default(), format!("{NOT_TOML}: {message}"));
    }
    table
}

/// Declares a table: its struct, its reader and its JSON Schema.
///
/// `field: Type` is a key of that name, `field as "key": Type` one of another name, `field!("example"): Type` must be
/// there. `later { "key" => "what it will do | what to write meanwhile" }` are words that are refused by name.
macro_rules! raw_table {
    (
        $(#[doc = $table_doc:literal])+
        pub struct $Name:ident in $title:literal {
            $( $(#[doc = $doc:expr])+ pub $field:ident $(as $key:literal)? $(!($example:literal))? : $Type:ty, )*
        }
        $(later { $($later:literal => $words:literal,)* })?
    ) => {
        $(#[doc = $table_doc])+
        #[derive(Debug, Clone, Default)]
        pub struct $Name {
            $( $(#[doc = $doc])+ pub $field: $crate::config::raw::Field<$Type>, )*
            /// Where the table stands.
            pub here: std::ops::Range<usize>,
        }

        impl $Name {
            /// Takes a table, reporting whatever is wrong with it.
            pub(in crate::config) fn read_table(
                table: &toml::de::DeTable<'_>,
                at: std::ops::Range<usize>,
                report: &mut $crate::config::fault::Report<'_>,
            ) -> Self {
                use $crate::config::raw::table::{key_of, missing, unknown};
                const LATER: &[(&str, &str)] = &[$($(($later, $words),)*)?];
                const KNOWN: &[&str] = &[$(key_of!($field $(, $key)?),)*];
                let mut read = Self { here: at.clone(), ..Self::default() };
                for (key, value) in table {
                    match key.get_ref().as_ref() {
                        $(key_of!($field $(, $key)?) => {
                            read.$field =
                                $crate::config::raw::Field::read(key_of!($field $(, $key)?), value, report);
                        })*
                        _ => unknown(key, $title, KNOWN, LATER, report),
                    }
                }
                $($(if read.$field.is_absent() {
                    missing(stringify!($field), $title, at.clone(), $example, report);
                })?)*
                let _ = (&at, missing);
                read
            }
        }

        impl $crate::config::raw::Located for $Name {
            fn span_of(&self, key: &str) -> std::ops::Range<usize> {
                use $crate::config::raw::table::key_of;
                let place = match key {
                    $(key_of!($field $(, $key)?) => self.$field.spanned().map(toml::Spanned::span),)*
                    _ => None,
                };
                place.unwrap_or(self.here.clone())
            }
        }

        impl $crate::config::raw::Read for $Name {
            fn read(
                key: &str,
                value: &toml::Spanned<toml::de::DeValue<'_>>,
                report: &mut $crate::config::fault::Report<'_>,
            ) -> Option<Self> {
                match value.get_ref().as_table() {
                    Some(table) => Some(Self::read_table(table, value.span(), report)),
                    None => {
                        $crate::config::raw::table::wrong_type(key, "a table", value, report)
                            .hint(concat!("write ", $title, " and its keys below"));
                        None
                    }
                }
            }

            fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                generator.subschema_for::<Self>()
            }
        }

        impl schemars::JsonSchema for $Name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($Name).trim_start_matches("Raw").into()
            }
            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                use $crate::config::raw::table::key_of;
                let mut properties = serde_json::Map::new();
                $({
                    let mut schema = <$Type as $crate::config::raw::Read>::schema(generator);
                    schema.insert("description".into(), [$($doc.trim()),+].join(" ").trim().into());
                    properties.insert(key_of!($field $(, $key)?).into(), schema.into());
                })*
                let required: &[(&str, &str)] = &[$($((stringify!($field), $example),)?)*];
                let required: Vec<&str> = required.iter().map(|(key, _)| *key).collect();
                let description = [$($table_doc.trim()),+].join(" ");
                schemars::json_schema!({
                    "type": "object",
                    "description": description,
                    "properties": properties,
                    "required": required,
                    "additionalProperties": false,
                })
            }
        }
    };
}

macro_rules! key_of {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident, $key:literal) => {
        $key
    };
}

pub(in crate::config) use {key_of, raw_table};

//! JSON Schemas of both files, made from the same declarations that read them: editors complete what the gateway takes.

use super::raw::gateway::RawGatewayFile;
use super::raw::policy::RawPolicyFile;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

/// File name below `config/schema/` and text of each schema.
pub fn schemas() -> [(&'static str, String); 2] {
    [
        ("gateway.schema.json", text(&of::<RawGatewayFile>("gateway.toml of dicomgate"))),
        ("policy.schema.json", text(&of::<RawPolicyFile>("policy.toml of dicomgate"))),
    ]
}

fn of<T: JsonSchema>(title: &str) -> Schema {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), title.into());
    schema
}

fn text(schema: &Schema) -> String {
    let mut text = serde_json::to_string_pretty(schema).unwrap_or_default();
    text.push('\n');
    text
}

//! `dicomgate user list`.

use super::{Outcome, Refusal, Where, print};
use crate::cli::audit::Format;
use crate::config::{self, Account};
use std::io::Write;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct List {
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    place: Where,
}

impl List {
    pub(super) fn run(&self, out: &mut dyn Write) -> Outcome {
        let accounts = config::load_accounts(&self.place.path()?).map_err(|faults| Refusal::no(faults.to_string()))?;
        let text = match self.format {
            Format::Text if accounts.is_empty() => "nobody has an account\n".to_owned(),
            Format::Text => accounts.iter().map(line).collect(),
            Format::Json => format!("{}\n", serde_json::Value::from_iter(accounts.iter().map(json))),
        };
        print(out, &text)
    }
}

fn line(account: &Account) -> String {
    let mut line = account.name.clone();
    if account.disabled {
        line.push_str("  disabled");
    }
    if !account.roles.is_empty() {
        line.push_str(&format!("  roles {}", account.roles.join(", ")));
    }
    for (name, values) in &account.attributes {
        line.push_str(&format!("  {name}={}", values.join(" | ")));
    }
    line.push('\n');
    line
}

fn json(account: &Account) -> serde_json::Value {
    serde_json::json!({
        "name": account.name,
        "roles": account.roles,
        "attributes": account.attributes,
        "disabled": account.disabled,
    })
}

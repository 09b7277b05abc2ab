//! `dicomgate edge new`: everything that a small gateway beside a device without TLS needs, in one folder.
//!
//! It reads the main gateway's configuration and never changes it: what is to be changed there is printed. A private
//! key that it makes lies in the folder and nowhere else.

mod certificates;
mod folder;
mod plan;
mod render;

use crate::cli::EXIT_CONFIGURATION;
use crate::cli::certs::day;
use crate::config::{self, Endpoint};
use crate::pki::TlsFiles;
use plan::{Plan, Wish};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// A gateway beside a device that cannot do TLS
#[derive(Debug, clap::Args)]
pub struct Edge {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    New(Box<New>),
}

/// Make the folder of a gateway beside a device: configuration, policy, certificate and key
#[derive(Debug, clap::Args)]
struct New {
    /// The device, by its name or title in the policy
    #[arg(long, value_name = "PEER")]
    peer: String,
    /// Where the gateway beside it reaches this one: its listener with tls = "mutual"
    #[arg(long, value_name = "HOST:PORT", value_parser = plan::endpoint)]
    gateway: Endpoint,
    /// Configuration of this gateway, which stays the main one
    #[arg(long, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    config: PathBuf,
    /// The device's address or network; default: the peer's `network`
    #[arg(long, value_name = "ADDRESS", value_parser = plan::network)]
    device: Vec<ipnet::IpNet>,
    /// Where the device receives; default: the peer's `address`
    #[arg(long, value_name = "HOST:PORT", value_parser = plan::endpoint)]
    receives: Option<Endpoint>,
    /// Where the gateway beside the device listens for it
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:11112")]
    listen: SocketAddr,
    /// Where this gateway reaches the one beside the device, for deliveries; only if the device receives
    #[arg(long, value_name = "HOST:PORT", value_parser = plan::endpoint)]
    deliver: Option<Endpoint>,
    /// Name of the gateway beside the device, and of its certificate; default: `edge-` and the peer's
    #[arg(long, value_name = "NAME", value_parser = plan::name)]
    name: Option<String>,
    /// The folder to make; default: the name
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Folder of the CA that issues the certificate; default: where `client_ca` lies
    #[arg(long, value_name = "DIR")]
    ca: Option<PathBuf>,
    /// Folder with certificate and key that the CA issued elsewhere: NAME.crt and NAME.key
    #[arg(long, value_name = "DIR", conflicts_with = "ca")]
    issued: Option<PathBuf>,
    /// Replace files of the folder, and issue another certificate
    #[arg(long)]
    force: bool,
    /// How the result is written
    #[arg(long, value_enum, default_value_t)]
    format: super::audit::Format,
}

/// Why it was not done: an exit code, and words for standard error.
#[derive(Debug)]
struct No {
    code: u8,
    words: String,
}

impl From<String> for No {
    fn from(words: String) -> Self {
        Self { code: 1, words }
    }
}

/// Runs the command as of `now`. Results go to `out`, refusals to `err`. Returns the exit code: 0 done, 1 it could not
/// be done, 64 the main gateway's configuration cannot be used.
pub fn run(edge: &Edge, now: &jiff::Zoned, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let Command::New(new) = &edge.command;
    // Nobody is left to tell where these are closed.
    match new.make(now) {
        Ok(text) => {
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
            0
        }
        Err(no) => {
            let _ = writeln!(err, "{}", no.words);
            no.code
        }
    }
}

impl New {
    fn make(&self, now: &jiff::Zoned) -> Result<String, No> {
        let main = config::load_at(&self.config, now)
            .map_err(|faults| No { code: EXIT_CONFIGURATION, words: faults.to_string() })?;
        let seconds = now.timestamp().as_second();
        let shown = certificates::shown_by(&main)?;
        let wish = Wish {
            peer: &self.peer,
            gateway: &self.gateway,
            device: &self.device,
            receives: self.receives.as_ref(),
            listen: self.listen,
            deliver: self.deliver.as_ref(),
            name: self.name.as_deref(),
            shown: &shown,
        };
        let mut plan = Plan::of(&main, &wish)?;
        let dir = self.out.clone().unwrap_or_else(|| PathBuf::from(&plan.name));
        let source = certificates::source(&main, &plan, self.ca.as_deref(), self.issued.as_deref(), self.force)?;
        certificates::main_is_vouched_for(&main, &plan, seconds)?;
        let made = self.stage(&dir, &plan, now, &main, &source)?;
        let until = made.settle(&source)?;
        if let certificates::Source::Files { key, .. } = &source {
            plan.remarks.push(format!("delete `{}`, and the copy where the CA is", key.display()));
        }
        Ok(self.answer(&dir, &plan, &day(until)))
    }

    /// Everything in a folder beside the one meant: looked at as a gateway looks at it, then moved whole.
    fn stage(
        &self,
        dir: &Path,
        plan: &Plan,
        now: &jiff::Zoned,
        main: &config::Settings,
        source: &certificates::Source,
    ) -> Result<folder::Staged, No> {
        let mut staged = folder::Staged::new(dir, self.force)?;
        let authority = certificates::authority(main)?;
        staged.write("gateway.toml", render::gateway(plan).as_bytes(), folder::PUBLIC)?;
        staged.write("policy.toml", render::policy(plan).as_bytes(), folder::PUBLIC)?;
        staged.write("README.txt", render::readme(plan).as_bytes(), folder::PUBLIC)?;
        staged.write("certs/ca.crt", &authority, folder::PUBLIC)?;
        // The texts are looked at before a certificate is issued for them.
        for file in [plan.certificate(), plan.key()] {
            staged.write(&file, b"", folder::SECRET)?;
        }
        let settings = config::load_at(&staged.path("gateway.toml"), now).map_err(|faults| {
            format!("what would be made is refused, so nothing was made: is an argument wrong?\n{faults}")
        })?;
        let issued = source.take(plan, now.timestamp().as_second())?;
        staged.write(&plan.certificate(), &issued.certificate, folder::PUBLIC)?;
        staged.write(&plan.key(), &issued.key, folder::SECRET)?;
        staged.until = issued.until;
        let Some(files) = TlsFiles::of(&settings) else { return Err("the edge would speak no TLS".to_owned().into()) };
        certificates::main_accepts(main, &files, now.timestamp().as_second())?;
        Ok(staged)
    }

    fn answer(&self, dir: &Path, plan: &Plan, until: &str) -> String {
        let change = render::change(plan);
        match self.format {
            super::audit::Format::Text => format!(
                "{folder}  made; certificate until {until}\n\
                 {folder}/{key}  its key, which belongs nowhere else: carry the whole folder to the machine beside `{peer}`\n\
                 here, in {policy}, the [[peer]] `{peer}` becomes\n\n{change}\n{remarks}\
                 then there: dicomgate check, and dicomgate run, each with --config gateway.toml\n",
                folder = dir.display(),
                key = plan.key(),
                peer = plan.peer,
                policy = plan.policy_file.display(),
                remarks = plan.remarks.iter().map(|remark| format!("note: {remark}\n")).collect::<String>(),
            ),
            super::audit::Format::Json => format!(
                "{}\n",
                serde_json::json!({
                    "folder": dir, "name": plan.name, "certificate": dir.join(plan.certificate()),
                    "key": dir.join(plan.key()), "not_after": until, "peer": &*plan.peer,
                    "policy": plan.policy_file, "change": change, "remarks": plan.remarks,
                })
            ),
        }
    }
}

#[cfg(test)]
mod tests;

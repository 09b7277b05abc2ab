//! A full disk under the audit log: nothing new is done, no success is told that is not recorded, and it goes on without
//! a restart as soon as there is room again.

use crate::house::{House, Running, eventually, free_ports, page};
use bytes::Bytes;
use dicomgate::demo::archive::Archive;
use dicomgate::demo::client::{self, Call, Contexts};
use dicomgate::demo::device::{self, Target};
use dicomgate::demo::link::{Link, LinkFault};
use dicomgate::demo::object::Object;
use dicomgate::dicom::dimse::Status;
use dicomgate::dicom::{AeTitle, Uid};
use dicomgate::net::buffer::Pool;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

const POLICY: &str = r#"
[[peer]]
ae_titles = ["CT1"]
tls       = "off"
network   = ["127.0.0.0/8"]

[[rule]]
name = "the scanner stores"
who  = ["peer:CT1"]
to   = ["PACS"]
may  = ["echo", "store"]
"#;

fn uid(text: &str) -> Uid {
    Uid::new(text).unwrap()
}

fn title(text: &str) -> AeTitle {
    AeTitle::new(text).unwrap()
}

/// A disk that can be filled at will.
enum Disk {
    /// A file system in memory of 256 KiB, and what fills it.
    Small { folder: PathBuf },
    /// Where nothing can be mounted: a limit on the size of the gateway's files.
    Limited { folder: PathBuf, gateway: Option<u32> },
}

impl Disk {
    fn under(folder: PathBuf) -> Self {
        std::fs::create_dir_all(&folder).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs"]).arg(&folder);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if mounted { Self::Small { folder } } else { Self::Limited { folder, gateway: None } }
    }

    fn serves(&mut self, running: &Running) {
        if let Self::Limited { gateway, .. } = self {
            *gateway = Some(running.id());
        }
    }

    fn fill(&self) {
        match self {
            Self::Small { folder } => {
                let mut ballast = std::fs::File::create(folder.join("ballast")).unwrap();
                while ballast.write_all(&[0; 512]).is_ok() {}
            }
            Self::Limited { folder, .. } => {
                let files = std::fs::read_dir(folder.join("audit")).unwrap();
                let longest = files.map(|file| file.unwrap().metadata().unwrap().len()).max().unwrap();
                self.limit(&longest.to_string());
            }
        }
    }

    fn free(&self) {
        match self {
            Self::Small { folder } => std::fs::remove_file(folder.join("ballast")).unwrap(),
            Self::Limited { .. } => self.limit("unlimited"),
        }
    }

    fn limit(&self, bytes: &str) {
        let Self::Limited { gateway: Some(id), .. } = self else { panic!("nothing to limit") };
        let fsize = format!("--fsize={bytes}:unlimited");
        let status = Command::new("prlimit").args(["--pid", &id.to_string(), &fsize]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Self::Small { folder } = self {
            let _ = Command::new("umount").arg("--lazy").arg(folder).status();
        }
    }
}

/// A small CT image.
fn image(number: u32) -> Object {
    let (class, instance) = ("1.2.840.10008.5.1.4.1.1.2", format!("2.25.1000{number}"));
    let mut data_set = Vec::new();
    let mut put = |group: u16, element: u16, vr: &[u8; 2], value: &str| {
        let pad = if vr == b"UI" { 0 } else { b' ' };
        let mut value = value.as_bytes().to_vec();
        if !value.len().is_multiple_of(2) {
            value.push(pad);
        }
        data_set.extend_from_slice(&group.to_le_bytes());
        data_set.extend_from_slice(&element.to_le_bytes());
        data_set.extend_from_slice(vr);
        data_set.extend_from_slice(&u16::try_from(value.len()).unwrap().to_le_bytes());
        data_set.extend_from_slice(&value);
    };
    put(0x0008, 0x0016, b"UI", class);
    put(0x0008, 0x0018, b"UI", &instance);
    put(0x0008, 0x0060, b"CS", "CT");
    put(0x0010, 0x0010, b"PN", "PHANTOM");
    put(0x0010, 0x0020, b"LO", "4711");
    put(0x0020, 0x000d, b"UI", "2.25.1");
    put(0x0020, 0x000e, b"UI", "2.25.2");
    Object {
        sop_class: uid(class),
        sop_instance: uid(&instance),
        transfer_syntax: uid("1.2.840.10008.1.2.1"),
        data_set: Bytes::from(data_set),
    }
}

async fn associate(address: SocketAddr) -> Result<(Link, Contexts), LinkFault> {
    let target = Target { address, name: "localhost".to_owned(), pool: std::sync::Arc::new(Pool::new(16_384, 4)) };
    let wire = device::plain(&target).await.unwrap();
    let object = image(0);
    let wanted = client::storage_contexts([(object.sop_class, object.transfer_syntax)].into_iter());
    client::associate(wire, Call { calling: title("CT1"), called: title("PACS") }, wanted, false).await
}

async fn store((link, contexts): &mut (Link, Contexts), number: u32) -> Result<Status, LinkFault> {
    let outcome = client::store(link, contexts, &image(number), u16::try_from(number).unwrap()).await?;
    Ok(outcome.status)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_new_work_and_room_brings_it_back() {
    let house = House::new();
    let objects = house.path("objects");
    std::fs::create_dir(&objects).unwrap();
    let archive = Archive::start(title("PACS"), 0, objects).unwrap();
    let [dicom, admin] = free_ports();
    house.write(
        "config/gateway.toml",
        &format!(
            "[gateway]\nname = \"gate-1\"\nstate = \"state\"\n\
             [[listen]]\nname = \"plain\"\naddress = \"127.0.0.1:{dicom}\"\ntls = \"off\"\nnetwork = [\"127.0.0.0/8\"]\n\
             [[archive]]\nae_title = \"PACS\"\naddress = \"{}\"\n\
             [policy]\nfile = \"config/policy.toml\"\n[admin]\naddress = \"127.0.0.1:{admin}\"\n",
            archive.address()
        ),
    );
    house.write("config/policy.toml", POLICY);
    let mut disk = Disk::under(house.path("state"));
    let running = house.start(1);
    disk.serves(&running);
    let (address, admin) = (running.address("plain"), SocketAddr::from(([127, 0, 0, 1], admin)));
    let ready = || page(admin, "/ready").0;
    assert_eq!(ready(), 200);

    let (mut working, mut waiting) = (associate(address).await.unwrap(), associate(address).await.unwrap());
    assert_eq!(store(&mut working, 1).await.unwrap(), Status::SUCCESS);
    disk.fill();
    // What is left of the last block of the disk may still take a few records.
    let mut number = 2;
    let ended = loop {
        match store(&mut working, number).await {
            Ok(Status::SUCCESS) => number += 1,
            other => break other,
        }
        assert!(number < 200, "the disk never was full");
    };
    assert!(matches!(ended, Ok(Status::OUT_OF_RESOURCES) | Err(_)), "{ended:?}");
    eventually("readiness is withdrawn", || ready() == 503);
    let (_, page_now) = page(admin, "/ready");
    assert!(page_now.contains("the audit log cannot be written"), "{page_now}");
    assert_eq!(page(admin, "/health").0, 200, "alive, and not to be restarted");
    assert_eq!(store(&mut waiting, 1000).await.unwrap(), Status::OUT_OF_RESOURCES);
    match associate(address).await {
        Err(LinkFault::Rejected(rj)) => assert_eq!((rj.result, rj.source, rj.reason), (2, 3, 1)),
        other => panic!("an association that cannot be recorded: {:?}", other.map(drop)),
    }

    disk.free();
    eventually("readiness comes back", || ready() == 200);
    assert_eq!(store(&mut waiting, 1001).await.unwrap(), Status::SUCCESS, "the association was never dropped");
    let mut fresh = associate(address).await.unwrap();
    assert_eq!(store(&mut fresh, 1002).await.unwrap(), Status::SUCCESS);
    fresh.0.release().await.unwrap();
    let seed = running.seed();
    running.stop();

    house.run(&["audit", "verify", "--seed", &seed]).ends(0);
    let shown = house.run(&["audit", "show", "--format", "json"]).ends(0).out;
    let records: Vec<serde_json::Value> = shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(records.iter().any(|record| record["event"] == "resumed"), "the gap is told: {shown}");
    // Every object that reached the archive is in the log, the ones of which no success was told too.
    for stored in archive.store().all() {
        let told = records.iter().any(|record| record["instance"] == stored.sop_instance.as_str());
        assert!(told, "{} is in the archive and not in the log", stored.sop_instance);
    }
}

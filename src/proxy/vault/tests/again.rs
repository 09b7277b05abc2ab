use super::archive::{Archive, Habit};
use crate::audit::Log;
use crate::audit::log::LogOptions;
use crate::audit::read::{Filter, Record, scan};
use crate::config;
use crate::dicom::AeTitle;
use crate::gate::Gate;
use crate::keys;
use crate::proxy::shared::Shared;
use crate::proxy::snapshot::Snapshot;
use crate::proxy::vault::prove::again::Again;
use crate::proxy::vault::prove::{Carried, Fate, ProbeResult, Trial, VERSION};
use crate::state::{Repeats, State, StateOptions};
use crate::telemetry::Metrics;
use crate::vault::family::all as families;
use jiff::{Timestamp, ToSpan};
use std::ops::ControlFlow;
use std::sync::Arc;
use tempfile::TempDir;

const POLICY: &str = "[[peer]]\nae_titles = [\"CT1\"]\ntls = \"off\"\nnetwork = [\"127.0.0.0/8\"]\ngroups = [\"m\"]\n\
    [[rule]]\nname = \"store\"\nwho = [\"group:m\"]\nto = [\"ARCHIVE\"]\nmay = [\"store\"]\nseal = true\n";

/// A gateway that seals for an archive.
struct World {
    folder: TempDir,
    shared: Arc<Shared>,
    address: String,
}

fn title() -> AeTitle {
    AeTitle::new("ARCHIVE").unwrap()
}

async fn world(address: &str) -> World {
    world_with(address, "0s", "").await
}

async fn world_with(address: &str, age: &str, archive: &str) -> World {
    let folder = tempfile::tempdir().unwrap();
    let gateway = format!(
        "[gateway]\nname = \"gate-1\"\nstate = \"state\"\n\
         [[listen]]\nname = \"plain\"\naddress = \"127.0.0.1:0\"\ntls = \"off\"\nnetwork = [\"127.0.0.0/8\"]\n\
         [[archive]]\nae_title = \"ARCHIVE\"\naddress = \"{address}\"\nall_readers_pass_the_gateway = true\n{archive}\n\
         [policy]\nfile = \"policy.toml\"\n\
         [vault]\nkeys = \"state/keys\"\nescrow = []\nprobe_age = \"{age}\"\nprobe_every = \"30d\"\n"
    );
    std::fs::write(folder.path().join("gateway.toml"), gateway).unwrap();
    std::fs::write(folder.path().join("policy.toml"), POLICY).unwrap();
    let settings = config::load(&folder.path().join("gateway.toml")).unwrap_or_else(|faults| panic!("{faults}"));
    keys::new_key(settings.vault.as_ref().unwrap(), Timestamp::now()).unwrap();
    let state = folder.path().join("state");
    let snapshot = Snapshot::build(settings, 1, 0).unwrap();
    let gate = Gate::new(Arc::new(Log::open(LogOptions::new("gate-1", &state, Timestamp::now)).unwrap().log));
    let options = StateOptions::new(&state, Arc::new(|_| {}), || Timestamp::now().as_second());
    let database = State::open(options).await.unwrap();
    let shared = Arc::new(Shared::new(snapshot, gate, Metrics::new().unwrap(), database));
    World { folder, shared, address: address.to_owned() }
}

impl World {
    /// What a probe found out so many days ago: that everything comes back, by C-GET and by C-MOVE.
    fn proven(&self, days: i64) -> ProbeResult {
        // What is carried in either way.
        let images = families().filter(|family| ["CT", "MR"].contains(&family.name));
        let trials = images.flat_map(|family| {
            [Carried::Pixels, Carried::Attributes].map(|carrier| Trial {
                family: family.name.to_owned(),
                class: String::new(),
                carrier,
                sealed: "1.2.840.10008.1.2.1".to_owned(),
                stored: "1.2.840.10008.1.2.1".to_owned(),
                bytes: 1,
                get: Some(Fate::Whole),
                moved: vec![("WS1".to_owned(), Fate::Whole)],
            })
        });
        let result = ProbeResult {
            version: VERSION,
            archive: "ARCHIVE".to_owned(),
            address: self.address.clone(),
            gateway: "gate-1".to_owned(),
            at: Timestamp::now() - (days * 24).hours(),
            aged: 0,
            largest: 0,
            repeats: Repeats::Replaced,
            mints: false,
            coerces: Vec::new(),
            reads_back: true,
            trials: trials.collect(),
            left_behind: None,
            moved_at: None,
            late: None,
        };
        result.keep(&self.state(), &title()).unwrap();
        result
    }

    async fn round(&self, again: &mut Again) {
        again.begin(&self.shared);
        again.finish().await;
    }

    fn state(&self) -> std::path::PathBuf {
        self.folder.path().join("state")
    }

    fn known(&self) -> ProbeResult {
        ProbeResult::load(&self.state(), &title()).unwrap().unwrap()
    }

    fn alerts(&self) -> Vec<Record> {
        let mut all = Vec::new();
        scan(&self.state().join("audit"), &Filter::default(), None, |record| {
            all.extend(Some(record).filter(|record: &Record| record.event() == "vault-alert"));
            ControlFlow::Continue(())
        })
        .unwrap();
        all
    }
}

#[tokio::test]
async fn an_old_proof_is_made_again_and_a_fresh_one_is_not() {
    let archive = Archive::start(Habit::None).await;
    let world = world(&archive.address).await;
    let mut again = Again::default();
    // The first proof is a person's.
    world.round(&mut again).await;
    assert!(archive.held.lock().unwrap().is_empty());
    let fresh = world.proven(29);
    world.round(&mut again).await;
    assert_eq!(world.known(), fresh);
    assert!(archive.held.lock().unwrap().is_empty());

    let old = world.proven(31);
    world.round(&mut again).await;
    let new = world.known();
    assert!(new.age(Timestamp::now()) < std::time::Duration::from_secs(3600));
    assert!(!archive.held.lock().unwrap().is_empty());
    assert_eq!(new.lost(&old), Vec::<String>::new());
    assert_eq!(new.moved_at, Some(old.at), "nobody listened for deliveries now");
    assert!(new.trials.iter().any(|trial| !trial.moved.is_empty()));
    assert_eq!(world.alerts().len(), 0);
    assert!(new.due(std::time::Duration::from_secs(86_400)) > Timestamp::now());
}

#[tokio::test]
async fn what_does_not_come_back_any_more_is_told_of_and_no_longer_sealed() {
    let archive = Archive::start(Habit::Drops).await;
    let world = world(&archive.address).await;
    world.proven(40);
    world.round(&mut Again::default()).await;
    let new = world.known();
    assert!(new.proves("CT", Carried::Pixels).is_ok());
    assert!(new.proves("CT", Carried::Attributes).is_err());
    let alerts = world.alerts();
    assert_eq!(alerts.len(), 1, "one for all of it");
    assert_eq!((alerts[0].text("cause"), alerts[0].text("archive")), (Some("unproven"), Some("ARCHIVE")));
    assert!(alerts[0].text("words").unwrap().contains("without their seal"), "{:?}", alerts[0]);
    let room = world.shared.snapshot();
    assert!(room.vault.as_ref().unwrap().proof(&title()).unwrap().proves("CT", Carried::Attributes).is_err());
}

#[tokio::test]
async fn an_archive_that_is_away_stays_proven_and_is_left_alone_for_a_while() {
    let archive = Archive::start(Habit::None).await;
    let world = world(&archive.address).await;
    drop(archive);
    let old = world.proven(40);
    let mut again = Again::default();
    world.round(&mut again).await;
    assert_eq!(world.known(), old);
    let first = again.tried(&title());
    world.round(&mut again).await;
    assert_eq!(again.tried(&title()), first, "not before an hour is over");
    assert_eq!(world.alerts().len(), 0);
}

#[tokio::test]
async fn nothing_is_stored_where_the_result_could_not_be_kept() {
    let archive = Archive::start(Habit::None).await;
    let world = world(&archive.address).await;
    let old = world.proven(40);
    // A folder where the file is to be tried.
    std::fs::create_dir(world.state().join("vault/probe-ARCHIVE.json.try")).unwrap();
    assert!(ProbeResult::can_be_kept(&world.state(), &title()).is_err());
    world.round(&mut Again::default()).await;
    assert!(archive.held.lock().unwrap().is_empty());
    assert_eq!(world.known(), old);
}

#[tokio::test]
async fn what_cannot_be_written_counts_all_the_same() {
    let archive = Archive::start(Habit::Drops).await;
    let world = world(&archive.address).await;
    let old = world.proven(40);
    // A folder where it is to be written, and not where that is tried.
    let in_the_way = world.state().join("vault/.probe-ARCHIVE.json.new");
    std::fs::create_dir(&in_the_way).unwrap();
    let mut again = Again::default();
    world.round(&mut again).await;
    assert_eq!((world.known(), world.alerts().len()), (old, 1));
    let proves = |shared: &Shared| {
        let snapshot = shared.snapshot();
        let proof = snapshot.vault.as_ref().unwrap().proof(&title()).unwrap();
        proof.proves("CT", Carried::Attributes).is_ok()
    };
    assert!(!proves(&world.shared), "what is lost is no longer sealed");
    // Another configuration changes nothing of that.
    let settings = world.shared.snapshot().settings.clone();
    let before = world.shared.snapshot();
    world.shared.replace(Snapshot::build_after(Some(&before), settings, 2, 0).unwrap());
    assert!(!proves(&world.shared));
    // It is written as soon as it can be, and nothing is stored for it.
    std::fs::remove_dir(&in_the_way).unwrap();
    let held = archive.held.lock().unwrap().len();
    world.round(&mut again).await;
    assert!(world.known().proves("CT", Carried::Attributes).is_err());
    assert_eq!((archive.held.lock().unwrap().len(), world.alerts().len()), (held, 1));
}

#[tokio::test]
async fn an_archive_that_is_left_alone_has_its_associations_for_others() {
    let archive = Archive::start(Habit::None).await;
    let world = world_with(&archive.address, "1h", "max_associations = 2\nreserved_for_store = 1").await;
    world.proven(40);
    let mut again = Again::default();
    again.begin(&world.shared);
    let settings = world.shared.snapshot().archive(&title()).unwrap().settings.clone();
    let free = async {
        while archive.held.lock().unwrap().is_empty() || world.shared.capacity.take(&settings, false).is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), free).await.expect("a place is free while it waits");
    again.begin(&world.shared);
    assert_eq!(world.known().trials.len(), 4, "it is not over, and not begun a second time");
}

#[tokio::test]
async fn a_hang_up_or_a_busy_archive_takes_nothing_away_that_was_proven() {
    for fault in [None, Some(crate::dicom::dimse::Status(0xa700))] {
        let archive = Archive::start(Habit::None).await;
        archive.faults.lock().unwrap().push(fault);
        let world = world(&archive.address).await;
        let old = world.proven(40);
        world.round(&mut Again::default()).await;
        assert_eq!(world.known().lost(&old), Vec::<String>::new());
        assert!(world.known().at > old.at, "it is proven again");
        assert_eq!(world.alerts().len(), 0);
    }
}

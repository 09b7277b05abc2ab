//! What is answered when, and what was brought to the disk before.

use super::log::Log;
use super::thread::Rows;
use super::thread::TOGETHER;
use super::{Asked, Held, SOON, Sqlite, serve};
use crate::state::StateFault;
use crate::state::row::Value;
use crate::state::store::{Durable, Question, Store as _};
use rusqlite::Connection;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

const WRITE: &str = "INSERT INTO t VALUES (?1)";
const COUNT: &str = "SELECT count(*) FROM t";

/// One after another: how many rows there were at each sync, and at which of them it failed.
#[derive(Default)]
struct Disk {
    syncs: Vec<i64>,
    fails: bool,
}

struct Place {
    folder: tempfile::TempDir,
    disk: Arc<Mutex<Disk>>,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), disk: Arc::default() }
    }

    fn connection(&self) -> Connection {
        let connection = Connection::open(self.folder.path().join("state.db")).unwrap();
        // Who finds it in use need not wait for long: it stays so.
        connection.busy_timeout(Duration::from_millis(100)).unwrap();
        connection
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE IF NOT EXISTS t (x);")
            .unwrap();
        connection
    }

    /// What a thread serves.
    fn held(&self) -> Held {
        let (looks, disk) = (self.connection(), Arc::clone(&self.disk));
        let sync = Box::new(move || {
            let mut disk = disk.lock().unwrap();
            disk.syncs.push(looks.query_row(COUNT, [], |row| row.get(0)).unwrap());
            if disk.fails { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        });
        Held { connection: self.connection(), log: Some(Log::new(sync)) }
    }

    /// All of these are asked at once; what is answered.
    fn asked(&self, questions: Vec<Question>) -> Vec<Rows> {
        self.asked_of(self.held(), questions)
    }

    fn asked_of(&self, mut held: Held, questions: Vec<Question>) -> Vec<Rows> {
        let (asks, mut asked) = mpsc::channel(questions.len());
        let ask = |question| {
            let (answer, answered) = oneshot::channel();
            asks.try_send(Asked { question, answer }).unwrap();
            answered
        };
        let answers: Vec<_> = questions.into_iter().map(ask).collect();
        drop(asks);
        serve(&mut held, &mut asked);
        answers.into_iter().map(|mut answer| answer.try_recv().unwrap()).collect()
    }

    fn syncs(&self) -> Vec<i64> {
        self.disk.lock().unwrap().syncs.clone()
    }
}

fn durable() -> Question {
    Question::durable(WRITE, vec![Value::Int(1)]).counted()
}

fn soon() -> Question {
    Question { durable: Durable::Soon, ..write() }
}

fn write() -> Question {
    Question::new(WRITE, vec![Value::Int(1)]).counted()
}

fn count() -> Question {
    Question::new(COUNT, Vec::new())
}

fn number(number: i64) -> Rows {
    Ok(vec![vec![Value::Int(number)]])
}

#[test]
fn what_need_not_be_durable_waits_for_no_disk() {
    let place = Place::new();
    assert_eq!(place.asked(vec![write(), count()]), [number(1), number(1)]);
    assert!(place.syncs().is_empty());
}

#[test]
fn what_comes_at_once_shares_a_sync_that_is_behind_all_of_it() {
    let place = Place::new();
    let answers = place.asked(vec![write(), durable(), count(), durable(), durable()]);
    assert_eq!(answers, [number(1), number(1), number(2), number(1), number(1)]);
    assert_eq!(place.syncs(), [4]);
}

#[test]
fn nobody_waits_for_ever_more() {
    let place = Place::new();
    let most = i64::try_from(TOGETHER).unwrap();
    place.asked((0..=TOGETHER).map(|_| durable()).collect());
    assert_eq!(place.syncs(), [most, most + 1]);
}

#[test]
fn what_did_not_reach_the_disk_is_away() {
    let place = Place::new();
    place.disk.lock().unwrap().fails = true;
    // Somebody reads what was there before, so it cannot go into the file either.
    let reader = place.connection();
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(reader.query_row(COUNT, [], |row| row.get(0)), Ok(0));
    let answers = place.asked(vec![durable(), count(), durable()]);
    assert!(matches!(answers[0], Err(StateFault::Away(_))), "{answers:?}");
    assert_eq!(answers[1], number(1), "it is asked for what is there");
    assert!(matches!(answers[2], Err(StateFault::Away(_))), "{answers:?}");
    // A statement with a fault has that fault.
    let wrong = Question::durable("SELECT nothing FROM nowhere", Vec::new());
    assert!(matches!(&place.asked(vec![wrong])[..], [Err(StateFault::Damaged(_))]));
}

#[test]
fn what_is_written_together_has_one_transaction_and_faults_of_its_own() {
    let place = Place::new();
    place.connection().execute_batch("CREATE UNIQUE INDEX once ON t (x)").unwrap();
    let number_of = |x| Question::new(WRITE, vec![Value::Int(x)]).counted();
    let answers = place.asked(vec![number_of(1), number_of(1), number_of(2), count()]);
    assert!(matches!(&answers[1], Err(StateFault::Damaged(_))), "{answers:?}");
    assert_eq!([&answers[0], &answers[2], &answers[3]], [&number(1), &number(1), &number(2)]);
    // Somebody else writes: none of them can, and nothing of them is left.
    let other = place.connection();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let held = Held { connection: place.connection(), log: None };
    held.connection.busy_timeout(Duration::ZERO).unwrap();
    let answers = place.asked_of(held, vec![number_of(3), number_of(4)]);
    assert!(answers.iter().all(|rows| matches!(rows, Err(StateFault::Away(_)))), "{answers:?}");
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(place.asked(vec![count(), number_of(5), number_of(6), count()])[3], number(4));
}

#[test]
fn what_is_durable_soon_waits_for_a_disk_that_failed() {
    let place = Place::new();
    assert_eq!(place.asked(vec![soon(), count()]), [number(1), number(1)]);
    assert!(place.syncs().is_empty());
    place.disk.lock().unwrap().fails = true;
    let reader = place.connection();
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(reader.query_row(COUNT, [], |row| row.get(0)), Ok(1));
    let answers = place.asked(vec![durable(), soon(), write()]);
    assert!(matches!(&answers[..], [Err(StateFault::Away(_)), Err(StateFault::Away(_)), Ok(_)]), "{answers:?}");
    let (mut held, (asks, mut asked)) = (place.held(), mpsc::channel(3));
    held.log.as_mut().unwrap().keep(&held.connection).unwrap_err();
    let (answer, mut answered) = oneshot::channel();
    asks.try_send(Asked { question: soon(), answer }).unwrap();
    drop(asks);
    serve(&mut held, &mut asked);
    assert!(matches!(answered.try_recv().unwrap(), Err(StateFault::Away(_))), "nobody hears of what may be gone");
}

#[tokio::test]
async fn what_is_durable_soon_shares_a_sync_a_moment_later() {
    let place = Place::new();
    let (asked, mut asks) = mpsc::channel(8);
    let mut held = place.held();
    let thread = std::thread::spawn(move || serve(&mut held, &mut asks));
    let sqlite = Sqlite::new(asked, Duration::from_secs(30), "state.db".to_owned());
    for round in 1..=2 {
        let begun = Instant::now();
        for _ in 0..3 {
            assert_eq!(sqlite.ask(soon()).await, number(1));
        }
        while place.syncs().last() != Some(&(3 * round)) {
            assert!(begun.elapsed() < Duration::from_secs(30), "nothing is synced");
            tokio::time::sleep(SOON / 10).await;
        }
    }
    sqlite.ask(write()).await.unwrap();
    drop(sqlite);
    thread.join().unwrap();
    assert!(place.syncs().len() <= 6, "what was written asked for more syncs than it was written in");
}

#[test]
fn what_nobody_waits_for_any_more_is_not_done() {
    let place = Place::new();
    let (asks, mut asked) = mpsc::channel(1);
    let (answer, _) = oneshot::channel();
    asks.try_send(Asked { question: durable(), answer }).unwrap();
    drop(asks);
    serve(&mut Held { connection: place.connection(), log: None }, &mut asked);
    assert_eq!(place.asked(vec![count()]), [number(0)]);
}

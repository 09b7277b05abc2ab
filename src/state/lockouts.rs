//! Failed logins in the database.

use crate::state::lockout::{Lockout, LockoutRule};
use crate::state::row::{Fields, Value};
use crate::state::seal::Table;
use crate::state::store::Question;
use crate::state::{State, StateFault};

/// Failed logins.
pub static LOCKOUTS: Table = Table { name: "dicomgate_lockout", key: 1, columns: 4, added: 0 };

/// So many are remembered; of more, those go first that would be forgotten first.
const MOST: i64 = 100_000;
/// So many go at once.
const MAKE_ROOM: i64 = 1000;
/// So often is a failure counted anew, when others have counted in between.
const TRIES: u32 = 32;

const FIND: &str = "SELECT subject, failures, until, expires, mac FROM dicomgate_lockout WHERE subject = ?1";
const BEGIN: &str = "INSERT INTO dicomgate_lockout (subject, failures, until, expires, mac) VALUES (?1, ?2, ?3, ?4, ?5) \
     ON CONFLICT (subject) DO NOTHING RETURNING failures";
const CHANGE: &str = "UPDATE dicomgate_lockout SET failures = ?2, until = ?3, expires = ?4, mac = ?5 \
     WHERE subject = ?1 AND mac = ?6 RETURNING failures";
const CLEAR: &str = "DELETE FROM dicomgate_lockout WHERE subject = ?1";
const COUNT: &str = "SELECT count(*) FROM dicomgate_lockout";
const ROOM: &str = "DELETE FROM dicomgate_lockout WHERE subject IN \
     (SELECT subject FROM dicomgate_lockout ORDER BY expires LIMIT ?1)";

impl State {
    /// Counts a failed login, and says what follows. `subject` is a [`hash`](State::hash) of the source of accounts and
    /// the name that was tried, whether or not there is such an account.
    pub async fn failed(&self, subject: &[u8; 16], rule: &LockoutRule) -> Result<Lockout, StateFault> {
        let place = usize::from(subject.first().copied().unwrap_or_default()) % self.inner.counting.len();
        let _counting = match self.inner.counting.get(place) {
            Some(counting) => Some(counting.lock().await),
            None => None,
        };
        for _ in 0..TRIES {
            let rows = self.ask(Question::new(FIND, vec![(*subject).into()])).await?;
            let now = self.now();
            let before = rows.first().and_then(|row| self.lockout_of(row)).unwrap_or_default();
            let failures = before.failures.saturating_add(1);
            let until = match rule.seconds(failures) {
                0 => 0,
                seconds => now.saturating_add(i64::from(seconds)),
            };
            let expires = now.max(until).saturating_add(i64::from(rule.forget));
            let row = vec![(*subject).into(), failures.into(), until.into(), expires.into()];
            let mut values = self.seal(&LOCKOUTS, row);
            let question = match rows.first() {
                Some(row) => {
                    values.push(row.last().cloned().unwrap_or(Value::Foreign));
                    Question::new(CHANGE, values)
                }
                None => {
                    self.make_room().await?;
                    Question::new(BEGIN, values)
                }
            };
            if !self.ask(question).await?.is_empty() {
                return Ok(Lockout { failures, until });
            }
        }
        Err(StateFault::Away("failed logins are counted by others all the time".to_owned()))
    }

    /// What is remembered of somebody whose logins failed.
    pub async fn failures(&self, subject: &[u8; 16]) -> Result<Lockout, StateFault> {
        let rows = self.ask(Question::new(FIND, vec![(*subject).into()])).await?;
        Ok(rows.first().and_then(|row| self.lockout_of(row)).unwrap_or_default())
    }

    /// Until when somebody is locked out, in seconds since 1970; `None`: they may try.
    pub async fn locked_until(&self, subject: &[u8; 16]) -> Result<Option<i64>, StateFault> {
        let until = self.failures(subject).await?.until;
        Ok(Some(until).filter(|until| *until > self.now()))
    }

    /// A login succeeded: failures are forgotten.
    pub async fn cleared(&self, subject: &[u8; 16]) -> Result<(), StateFault> {
        self.ask(Question::new(CLEAR, vec![(*subject).into()])).await.map(drop)
    }

    /// Somebody who tries one name after another must not fill the database.
    async fn make_room(&self) -> Result<(), StateFault> {
        if self.ask_number(COUNT, Vec::new()).await? >= MOST {
            self.ask(Question::new(ROOM, vec![MAKE_ROOM.into()])).await?;
        }
        Ok(())
    }

    fn lockout_of(&self, row: &[Value]) -> Option<Lockout> {
        let parse = |fields: &mut Fields<'_>| {
            let _ = fields.bytes()?;
            Some((Lockout { failures: fields.number()?, until: fields.int()? }, fields.int()?))
        };
        let (lockout, expires) = self.read(&LOCKOUTS, row, parse)?;
        (expires >= self.now()).then_some(lockout)
    }
}

//! What a command beside a gateway has done, in the database until that gateway has it in its audit log: the log has one
//! writer, and that is the gateway.

use crate::state::row::{Fields, Value};
use crate::state::seal::Table;
use crate::state::store::Question;
use crate::state::{State, StateFault};

/// What was told.
pub static TOLD: Table = Table { name: "dicomgate_told", key: 1, columns: 3, added: 0 };

/// What is told is not longer, bytes.
const LONGEST: usize = 16 * 1024;

const TELL: &str = "INSERT INTO dicomgate_told (id, gateway, what, mac) VALUES (?1, ?2, ?3, ?4)";
const ALL: &str = "SELECT id, gateway, what, mac FROM dicomgate_told WHERE gateway = ?1 ORDER BY id LIMIT ?2";
const COUNT: &str = "SELECT count(*) FROM dicomgate_told WHERE gateway = ?1";
const DONE: &str = "DELETE FROM dicomgate_told WHERE id = ?1";

/// Something that a command told a gateway to record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    id: Vec<u8>,
    /// What, as whoever told it wrote it; `None`: the row is not what a command wrote.
    pub what: Option<String>,
}

impl State {
    /// Tells a gateway, by its name, to record something; durably, and in the order in which it is told.
    ///
    /// # Errors
    /// The state cannot be asked, or it is longer than 16 KiB.
    pub async fn tell(&self, gateway: &str, what: &str) -> Result<(), StateFault> {
        if what.len() > LONGEST {
            return Err(StateFault::Damaged("what is to be recorded is too long".to_owned()));
        }
        let nanoseconds = jiff::Timestamp::now().as_nanosecond();
        let mut id = u64::try_from(nanoseconds).unwrap_or(u64::MAX).to_be_bytes().to_vec();
        id.extend(self.random()?);
        let row = self.seal(&TOLD, vec![id.into(), gateway.into(), what.into()]);
        self.ask(Question::durable(TELL, row)).await.map(drop)
    }

    /// What a gateway was told and has not recorded yet, oldest first.
    ///
    /// # Errors
    /// The state cannot be asked.
    pub async fn told(&self, gateway: &str, most: u32) -> Result<Vec<Told>, StateFault> {
        let rows = self.ask(Question::new(ALL, vec![gateway.into(), most.into()])).await?;
        let told = |row: &Vec<Value>| {
            let id = Fields::new(row).bytes()?.to_vec();
            let what = self.read(&TOLD, row, |fields| {
                let _ = (fields.bytes()?, fields.text()?);
                fields.text().map(str::to_owned)
            });
            Some(Told { id, what })
        };
        Ok(rows.iter().filter_map(told).collect())
    }

    /// It is recorded.
    ///
    /// # Errors
    /// The state cannot be asked.
    pub async fn told_noted(&self, told: Told) -> Result<(), StateFault> {
        self.ask(Question::new(DONE, vec![told.id.into()])).await.map(drop)
    }

    /// How much a gateway has not recorded yet.
    ///
    /// # Errors
    /// The state cannot be asked.
    pub async fn count_told(&self, gateway: &str) -> Result<u64, StateFault> {
        let count = self.ask_number(COUNT, vec![gateway.into()]).await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }
}

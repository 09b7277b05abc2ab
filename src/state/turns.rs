//! Turns in the database.

use crate::state::row::{Fields, Value};
use crate::state::seal::Table;
use crate::state::store::Question;
use crate::state::{State, StateFault, Turn};

/// Turns.
pub static TURNS: Table = Table { name: "dicomgate_turn", key: 1, columns: 3, added: 0 };

/// So often is a turn tried for that others take and give meanwhile.
const TRIES: u32 = 4;

const FIND: &str = "SELECT what, token, expires, mac FROM dicomgate_turn WHERE what = ?1";
const BEGIN: &str = "INSERT INTO dicomgate_turn (what, token, expires, mac) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (what) DO NOTHING RETURNING what";
const TAKE: &str =
    "UPDATE dicomgate_turn SET token = ?2, expires = ?3, mac = ?4 WHERE what = ?1 AND mac = ?5 RETURNING what";
const KEEP: &str = "UPDATE dicomgate_turn SET expires = ?3, mac = ?4 \
     WHERE what = ?1 AND token = ?2 AND expires >= ?5 RETURNING what";
const END: &str = "DELETE FROM dicomgate_turn";
const GIVE: &str = "DELETE FROM dicomgate_turn WHERE what = ?1 AND token = ?2";

impl State {
    /// Takes a turn until `lease_until`, in seconds since 1970; `None`: somebody has it.
    pub async fn take_turn(&self, what: &str, lease_until: i64) -> Result<Option<Turn>, StateFault> {
        let turn = Turn { what: what.into(), token: self.random()? };
        let row = self.seal(&TURNS, vec![what.into(), turn.token.into(), lease_until.into()]);
        for _ in 0..TRIES {
            let found = self.ask(Question::new(FIND, vec![what.into()])).await?;
            let mut values = row.clone();
            let question = match found.first() {
                None => Question::new(BEGIN, values),
                Some(held) => {
                    let until = self.read(&TURNS, held, |fields: &mut Fields<'_>| {
                        let _ = (fields.text()?, fields.array::<16>()?);
                        fields.int()
                    });
                    if until.is_some_and(|until| until >= self.now()) {
                        return Ok(None);
                    }
                    // Only in the place of exactly what was found: of several, one succeeds.
                    values.push(held.last().cloned().unwrap_or(Value::Foreign));
                    Question::new(TAKE, values)
                }
            };
            if !self.ask(question).await?.is_empty() {
                return Ok(Some(turn));
            }
        }
        Ok(None)
    }

    /// Keeps a turn until `lease_until`; `false`: it has expired, or is somebody else's by now.
    pub async fn keep_turn(&self, turn: &Turn, lease_until: i64) -> Result<bool, StateFault> {
        let row = vec![(&*turn.what).into(), turn.token.into(), lease_until.into()];
        let mut values = self.seal(&TURNS, row);
        values.push(self.now().into());
        Ok(!self.ask(Question::new(KEEP, values)).await?.is_empty())
    }

    /// Gives a turn back. One that is somebody else's by now stays theirs.
    pub async fn give_turn(&self, turn: Turn) -> Result<(), StateFault> {
        self.ask(Question::new(GIVE, vec![(&*turn.what).into(), turn.token.into()])).await.map(drop)
    }

    /// Ends every turn. For a gateway that starts and shares its state with nobody: whoever had them is dead.
    pub async fn end_turns(&self) -> Result<(), StateFault> {
        self.ask(Question::new(END, Vec::new())).await.map(drop)
    }
}

//! Budgets in the database: pages of what was counted, each changed only in the place of exactly what was read.

use crate::state::purse::{Entry, Purse, read_page, write_page};
use crate::state::row::Fields;
use crate::state::seal::Table;
use crate::state::store::Question;
use crate::state::{State, StateFault};
use std::sync::Arc;

/// Pages of budgets.
pub static BUDGETS: Table = Table { name: "dicomgate_budget", key: 2, columns: 4, added: 0 };

/// So many items are counted in one step; of more, the next ones in further steps.
const BATCH: usize = 64;
/// So many pages of one budget are read: more than the largest budget fills.
const PAGES: i64 = 512;
/// So often is a charge tried anew, when another gateway has charged in between.
const TRIES: u32 = 64;
/// A page stays for so many seconds after nothing on it counts any more, so that gateways whose clocks differ a little
/// agree about which page is the newest.
const LINGER: i64 = 3600;

const READ: &str =
    "SELECT bucket, page, spent, expires, mac FROM dicomgate_budget WHERE bucket = ?1 ORDER BY page DESC LIMIT ?2";
const BEGIN: &str = "INSERT INTO dicomgate_budget (bucket, page, spent, expires, mac) VALUES (?1, ?2, ?3, ?4, ?5) \
     ON CONFLICT (bucket, page) DO NOTHING RETURNING page";
const CHANGE: &str = "UPDATE dicomgate_budget SET spent = ?3, expires = ?4, mac = ?5 \
     WHERE bucket = ?1 AND page = ?2 AND mac = ?6 RETURNING page";

/// Whose budget: each rule has one for each person, or peer where there is no person.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BudgetKey {
    /// The rule, by its name.
    pub rule: Arc<str>,
    /// `user:NAME` or `peer:NAME`.
    pub subject: Arc<str>,
}

impl State {
    /// The largest budget: so many different items in one window.
    pub const MOST_BUDGET: u32 = 100_000;

    /// Counts items of a budget of `most` different ones in `window` seconds, in their order, and says how many of them,
    /// from the front, have room. An item that was counted within the window is free, and its time is not renewed. What
    /// has room is counted once and for all when this returns, whichever gateway asked; nothing behind it is.
    ///
    /// Items are hashes ([`State::hash`]): what they stand for does not lie in the database.
    ///
    /// # Errors
    /// The state cannot be asked. Some items may have been counted.
    pub async fn charge(
        &self,
        key: &BudgetKey,
        items: &[[u8; 16]],
        most: u32,
        window: u32,
    ) -> Result<usize, StateFault> {
        let (most, window) = (most.min(Self::MOST_BUDGET) as usize, i64::from(window));
        let bucket = self.bucket(key);
        let purse = self.inner.purses.of(bucket);
        let waiting = tokio::time::timeout(self.inner.options.answer, purse.lock());
        let Ok(mut purse) = waiting.await else {
            return Err(StateFault::Away("a budget is charged by others all the time".to_owned()));
        };
        let mut charged = 0;
        for batch in items.chunks(BATCH) {
            let room = self.charge_batch(&mut purse, bucket, batch, most, window).await?;
            charged += room;
            if room < batch.len() {
                break;
            }
        }
        Ok(charged)
    }

    /// How many items, from the front, are known here to be free: counted within the window. Asks nobody.
    pub fn known_free(&self, key: &BudgetKey, items: &[[u8; 16]], window: u32) -> usize {
        let (purse, since) = (self.inner.purses.of(self.bucket(key)), self.now() - i64::from(window));
        let Ok(purse) = purse.try_lock() else { return 0 };
        items.iter().take_while(|item| purse.counted(item).is_some_and(|at| at > since)).count()
    }

    fn bucket(&self, key: &BudgetKey) -> [u8; 16] {
        self.hash("budget", &[key.rule.as_bytes(), key.subject.as_bytes()])
    }

    async fn charge_batch(
        &self,
        purse: &mut Purse,
        bucket: [u8; 16],
        batch: &[[u8; 16]],
        most: usize,
        window: i64,
    ) -> Result<usize, StateFault> {
        for _ in 0..TRIES {
            let now = self.now();
            // Where nothing counts any more, others may have begun anew.
            if !purse.is_known(window) || purse.is_spent(now) {
                self.read_purse(purse, bucket, window).await?;
            }
            purse.forget(now);
            let (room, fresh) = purse.room(batch, most);
            if fresh.is_empty() {
                return Ok(room);
            }
            if self.spend(purse, bucket, &fresh, now).await? {
                return Ok(room);
            }
        }
        Err(StateFault::Away("a budget is charged by others all the time".to_owned()))
    }

    /// Reads what all gateways have counted.
    async fn read_purse(&self, purse: &mut Purse, bucket: [u8; 16], window: i64) -> Result<(), StateFault> {
        purse.close();
        let rows = self.ask(Question::new(READ, vec![bucket.into(), PAGES.into()])).await?;
        let now = self.now();
        purse.open(window);
        for row in rows.iter().rev() {
            let number = row.get(1).and_then(|page| Fields::new(std::slice::from_ref(page)).int());
            let entries = self.read(&BUDGETS, row, |fields: &mut Fields<'_>| {
                let _ = (fields.bytes()?, fields.int()?);
                read_page(fields.bytes()?, now)
            });
            purse.add_page(number, entries, row.last().cloned());
        }
        Ok(())
    }

    /// Counts, in the place of exactly what is known; `false`: others have counted meanwhile, and all must be read again.
    async fn spend(
        &self,
        purse: &mut Purse,
        bucket: [u8; 16],
        fresh: &[[u8; 16]],
        now: i64,
    ) -> Result<bool, StateFault> {
        let entries: Vec<Entry> = fresh.iter().map(|item| Entry { item: *item, at: now }).collect();
        let (page, before, spent) = purse.next_page(&entries);
        let expires = now.saturating_add(purse.window()).saturating_add(LINGER);
        let mut values =
            self.seal(&BUDGETS, vec![bucket.into(), page.into(), write_page(&spent).as_slice().into(), expires.into()]);
        let mac = values.last().cloned();
        let question = match before {
            Some(before) => {
                values.push(before);
                Question::new(CHANGE, values)
            }
            None => Question::new(BEGIN, values),
        };
        // Whatever goes wrong from here on, what is known may not be so any more.
        purse.close();
        if self.ask(question).await?.is_empty() {
            return Ok(false);
        }
        purse.reopen(page, mac, spent, &entries);
        Ok(true)
    }
}

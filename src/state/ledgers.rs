//! The seal ledger in the database. Each row is changed only in the place of exactly what was read.

use crate::dicom::{AeTitle, Uid};
use crate::state::ledger::{Mark, SealCursor, SealEnd, SealMark, SealPage, SealRow};
use crate::state::marks;
use crate::state::packed::{pack, unpack};
use crate::state::row::{Fields, Row, Value};
use crate::state::seal::Table;
use crate::state::store::{Durable, Question};
use crate::state::{State, StateFault};
use crate::vault::{KeyId, SealId};
use std::collections::BTreeSet;

/// The ledger.
pub static LEDGER: Table = Table { name: "dicomgate_sealed", key: 2, columns: 6, added: 0 };

/// The columns behind which an instance is named, and before which the seals stand.
const INSTANCE: usize = 2;
const SEALS: usize = 5;

/// So often is a row written anew, when others have changed it in between.
const TRIES: u32 = 32;
/// The most rows of one page.
const PAGE: u32 = 10_000;

macro_rules! columns {
    () => {
        "archive, instance, study, class, ring_key, seals, mac"
    };
}

const FIND: &str = concat!("SELECT ", columns!(), " FROM dicomgate_sealed WHERE archive = ?1 AND instance = ?2");
const BEGIN: &str = concat!(
    "INSERT INTO dicomgate_sealed (",
    columns!(),
    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (archive, instance) DO NOTHING"
);
const CHANGE: &str = "UPDATE dicomgate_sealed SET study = ?3, class = ?4, ring_key = ?5, seals = ?6, mac = ?7 \
     WHERE archive = ?1 AND instance = ?2 AND mac = ?8";
/// Where only the seals change, which no index has.
const CHANGE_SEALS: &str = "UPDATE dicomgate_sealed SET seals = ?3, mac = ?4 \
     WHERE archive = ?1 AND instance = ?2 AND mac = ?5";
const END: &str = "DELETE FROM dicomgate_sealed WHERE archive = ?1 AND instance = ?2 AND mac = ?3";
const FORGET: &str = "DELETE FROM dicomgate_sealed WHERE archive = ?1 AND instance = ?2";
const OF_STUDY: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM dicomgate_sealed WHERE study = ?2 AND archive = ?1 ORDER BY instance LIMIT ?3"
);
const PAGE_OF: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM dicomgate_sealed WHERE archive = ?1 AND instance > ?2 ORDER BY instance LIMIT ?3"
);
const NEXT_ARCHIVE: &str = "SELECT archive FROM dicomgate_sealed WHERE archive > ?1 ORDER BY archive LIMIT 1";
const NEXT_KEY: &str =
    "SELECT ring_key FROM dicomgate_sealed WHERE archive = ?1 AND ring_key > ?2 ORDER BY ring_key LIMIT 1";
const COUNT_KEY: &str = "SELECT count(*) FROM dicomgate_sealed WHERE archive = ?1 AND ring_key = ?2";

/// What is to become of a row.
enum After {
    /// It stays as it is, or absent.
    Same,
    /// It is this from now on.
    Row(Box<SealRow>),
    /// It goes.
    Gone,
}

impl State {
    /// A seal is about to be stored: notes it as in doubt, beside those that are known of its instance. To be called
    /// before its first byte leaves. Where the instance is known already, this lies on the disk when it returns: an archive
    /// that replaces must never be ahead of its ledger. What is known of the instance now.
    ///
    /// # Errors
    /// The state cannot be asked, or `row` has other than one seal.
    pub async fn seal_begin(&self, row: &SealRow) -> Result<SealRow, StateFault> {
        let [seal] = row.seals.as_slice() else {
            return Err(StateFault::Damaged("a row of the ledger begins with one seal".to_owned()));
        };
        let seal = SealMark { mark: Mark::InDoubt, at: self.now(), verified: None, begun: 1, ended: 0, ..seal.clone() };
        let fresh = SealRow { seals: vec![seal.clone()], forgot: false, forgot_doubtful: 0, changes: 1, ..row.clone() };
        if self.changes(Question::new(BEGIN, self.seal(&LEDGER, columns_of(&fresh)))).await? {
            return Ok(fresh);
        }
        let change = |before: Option<SealRow>| match before {
            None => After::Row(Box::new(fresh.clone())),
            Some(mut known) => {
                let begun = known.change();
                known.seals.retain(|other| other.id != seal.id);
                if !known.add(SealMark { begun, ..seal.clone() }) {
                    return After::Same;
                }
                (known.study, known.sop_class) = (row.study, row.sop_class);
                After::Row(Box::new(known))
            }
        };
        match self.change_seals(row.archive, &row.instance, Durable::Yes, None, change).await? {
            Some(known) => Ok(known),
            None => Err(StateFault::Away("too many stores of one instance are under way at once".to_owned())),
        }
    }

    /// A seal that was made elsewhere is about to be stored: where seals of its instance are known, one that is not known
    /// may be there from now on. To be called before its first byte leaves; it lies on the disk when it returns.
    ///
    /// # Errors
    /// The state cannot be asked.
    pub async fn seal_passes(&self, archive: AeTitle, instance: &Uid) -> Result<(), StateFault> {
        let now = self.now();
        let change = |before: Option<SealRow>| {
            let Some(mut row) = before else { return After::Same };
            row.change();
            row.forgot_doubtful = row.forgot_doubtful.max(now);
            After::Row(Box::new(row))
        };
        self.change_seals(archive, instance, Durable::Yes, None, change).await.map(|_| ())
    }

    /// What became of storing a seal. An acknowledged one lies on the disk soon: a power cut before that leaves the seal in
    /// doubt, or an instance that nothing is known of, and both open. `false`: no such seal is known.
    pub async fn seal_end(
        &self,
        archive: AeTitle,
        instance: &Uid,
        id: SealId,
        end: SealEnd,
    ) -> Result<bool, StateFault> {
        self.seal_end_from(archive, instance, id, end, None).await
    }

    /// The same for a seal that was begun here: `known` is what [`Self::seal_begin`] said, and most often still true.
    pub async fn seal_end_of(&self, known: &SealRow, id: SealId, end: SealEnd) -> Result<bool, StateFault> {
        self.seal_end_from(known.archive, &known.instance, id, end, Some(known)).await
    }

    async fn seal_end_from(
        &self,
        archive: AeTitle,
        instance: &Uid,
        id: SealId,
        end: SealEnd,
        known: Option<&SealRow>,
    ) -> Result<bool, StateFault> {
        if end == SealEnd::Unknown {
            return Ok(self.seals(archive, instance).await?.is_some_and(|row| row.seal(id).is_some()));
        }
        let now = self.now();
        let change = |before: Option<SealRow>| {
            let Some(mut row) = before else { return After::Same };
            let number = row.change();
            let Some(seal) = row.seals.iter_mut().find(|seal| seal.id == id) else { return After::Same };
            if end == SealEnd::Acknowledged {
                (seal.mark, seal.ended, seal.at) = (Mark::Acknowledged, number, now);
                return After::Row(Box::new(row));
            }
            row.seals.retain(|seal| seal.id != id);
            let nothing = row.seals.is_empty() && !row.forgot && row.forgot_doubtful == 0;
            if nothing { After::Gone } else { After::Row(Box::new(row)) }
        };
        // A sync for each object would cost a sender that waits for each answer more than all else that is done for it.
        let durable = if end == SealEnd::Acknowledged { Durable::Soon } else { Durable::No };
        Ok(self.change_seals(archive, instance, durable, known, change).await?.is_some())
    }

    /// A seal was read back from the archive whole, at this time (seconds since 1970): it is acknowledged, whatever was
    /// known. `false`: no such seal is known.
    pub async fn seal_verified(
        &self,
        archive: AeTitle,
        instance: &Uid,
        id: SealId,
        at: i64,
    ) -> Result<bool, StateFault> {
        let now = self.now();
        let change = |before: Option<SealRow>| {
            let Some(mut row) = before else { return After::Same };
            let number = row.change();
            let Some(seal) = row.seals.iter_mut().find(|seal| seal.id == id) else { return After::Same };
            if seal.mark == Mark::InDoubt {
                (seal.mark, seal.ended, seal.at) = (Mark::Acknowledged, number, now);
            }
            seal.verified = Some(at);
            After::Row(Box::new(row))
        };
        self.change_seals(archive, instance, Durable::No, None, change).await.map(|row| row.is_some())
    }

    /// What is known of an instance; `None`: nothing, it was not sealed here as far as is known.
    pub async fn seals(&self, archive: AeTitle, instance: &Uid) -> Result<Option<SealRow>, StateFault> {
        let rows = self.ask(Question::new(FIND, vec![archive.into(), pack(instance).into()])).await?;
        Ok(rows.first().and_then(|row| self.read(&LEDGER, row, parse)))
    }

    /// What is known of a study, at most so many instances, in no order that means anything.
    pub async fn seals_of_study(&self, archive: AeTitle, study: &Uid, most: u32) -> Result<Vec<SealRow>, StateFault> {
        let values = vec![archive.into(), pack(study).into(), most.into()];
        let rows = self.ask(Question::new(OF_STUDY, values)).await?;
        Ok(rows.iter().filter_map(|row| self.read(&LEDGER, row, parse)).collect())
    }

    /// The archives that something was sealed for, those that the configuration names no more too.
    pub async fn seal_archives(&self) -> Result<Vec<AeTitle>, StateFault> {
        let mut archives = Vec::new();
        let mut behind = Value::Text(String::new());
        loop {
            let rows = self.ask(Question::new(NEXT_ARCHIVE, vec![behind.clone()])).await?;
            let Some(row) = rows.first() else { return Ok(archives) };
            archives.extend(Fields::new(row).title());
            match row.first() {
                Some(next) if *next != behind => behind = next.clone(),
                _ => return Ok(archives),
            }
        }
    }

    /// The keys that instances have their last seals from, at any archive. It costs a question a key, however many rows
    /// there are.
    pub async fn seal_keys(&self) -> Result<BTreeSet<KeyId>, StateFault> {
        let mut keys = BTreeSet::new();
        for archive in self.seal_archives().await? {
            let mut behind = 0;
            loop {
                let rows = self.ask(Question::new(NEXT_KEY, vec![archive.into(), Value::Int(behind)])).await?;
                let Some(key) = rows.first().and_then(|row| Fields::new(row).int()) else { break };
                keys.extend(u32::try_from(key).map(KeyId));
                behind = key;
            }
        }
        Ok(keys)
    }

    /// How many instances have their last seal from which key, ascending. Rows are counted as they are, damaged ones too.
    pub async fn seals_per_key(&self, archive: AeTitle) -> Result<Vec<(KeyId, u64)>, StateFault> {
        let mut counts = Vec::new();
        let mut behind = -1;
        loop {
            let rows = self.ask(Question::new(NEXT_KEY, vec![archive.into(), Value::Int(behind)])).await?;
            let Some(key) = rows.first().and_then(|row| Fields::new(row).int()) else { return Ok(counts) };
            let count = self.ask_number(COUNT_KEY, vec![archive.into(), Value::Int(key)]).await?;
            if let (Ok(key), Ok(count)) = (u32::try_from(key), u64::try_from(count)) {
                counts.push((KeyId(key), count));
            }
            behind = key;
        }
    }

    /// All rows of an archive, page by page; at most 10,000 a page. A row that is not what this program wrote is missing
    /// in its page, and told of.
    pub async fn seals_page(
        &self,
        archive: AeTitle,
        from: Option<&SealCursor>,
        most: u32,
    ) -> Result<SealPage, StateFault> {
        let most = most.clamp(1, PAGE);
        let behind = from.map(|cursor| cursor.0.clone()).unwrap_or_default();
        let rows = self.ask(Question::new(PAGE_OF, vec![archive.into(), behind.into(), most.into()])).await?;
        let full = u32::try_from(rows.len()).unwrap_or(u32::MAX) >= most;
        // As the row says it, true or not: that is what the next page is asked by.
        let next = match rows.last().filter(|_| full).and_then(|row| row.get(1)) {
            Some(Value::Bytes(instance)) => Some(SealCursor(instance.clone())),
            _ => None,
        };
        Ok(SealPage { rows: rows.iter().filter_map(|row| self.read(&LEDGER, row, parse)).collect(), next })
    }

    /// Puts a row in the place of what was `known` of its instance, durably: for `vault reindex`. `false`: something else is
    /// known meanwhile, and stays.
    pub async fn seal_put(&self, row: &SealRow, known: Option<&SealRow>) -> Result<bool, StateFault> {
        let change = |before: Option<SealRow>| match before.as_ref() == known {
            true => After::Row(Box::new(row.clone())),
            false => After::Same,
        };
        Ok(self.change_seals(row.archive, &row.instance, Durable::Yes, None, change).await?.is_some())
    }

    /// Forgets an instance; `false`: nothing was known of it.
    pub async fn seal_forget(&self, archive: AeTitle, instance: &Uid) -> Result<bool, StateFault> {
        let values = vec![archive.into(), pack(instance).into()];
        self.changes(Question::durable(FORGET, values)).await
    }

    /// Writes what `change` makes of a row, in the place of exactly what it was shown; gives the row as it is then, or
    /// was before it went. `None`: nothing was changed. `known`: the row as it most likely is, which is not asked for then.
    async fn change_seals(
        &self,
        archive: AeTitle,
        instance: &Uid,
        durable: Durable,
        mut known: Option<&SealRow>,
        change: impl Fn(Option<SealRow>) -> After,
    ) -> Result<Option<SealRow>, StateFault> {
        for _ in 0..TRIES {
            let (found, before) = match known.take() {
                Some(row) => (Some(self.seal(&LEDGER, columns_of(row))), Some(row.clone())),
                None => {
                    let rows = self.ask(Question::new(FIND, vec![archive.into(), pack(instance).into()])).await?;
                    let found = rows.into_iter().next();
                    let before = found.as_ref().and_then(|row| self.read(&LEDGER, row, parse));
                    (found, before)
                }
            };
            let mac = found.as_ref().and_then(|row| row.last().cloned());
            let (statement, values, after) = match (change(before.clone()), mac) {
                (After::Same, _) | (After::Gone, None) => return Ok(None),
                (After::Gone, Some(mac)) => (END, vec![archive.into(), pack(instance).into(), mac], before),
                (After::Row(row), None) => (BEGIN, self.seal(&LEDGER, columns_of(&row)), Some(*row)),
                (After::Row(row), Some(mac)) => {
                    let mut values = self.seal(&LEDGER, columns_of(&row));
                    let same = found.is_some_and(|before| before.get(..SEALS) == values.get(..SEALS));
                    if same {
                        values.drain(INSTANCE..SEALS);
                    }
                    values.push(mac);
                    (if same { CHANGE_SEALS } else { CHANGE }, values, Some(*row))
                }
            };
            if self.changes(Question { durable, ..Question::new(statement, values) }).await? {
                return Ok(after);
            }
        }
        Err(StateFault::Away("a row of the ledger is changed by others all the time".to_owned()))
    }
}

fn columns_of(row: &SealRow) -> Row {
    let key = row.seals.last().map_or(0, |seal| seal.key.0);
    vec![
        row.archive.into(),
        pack(&row.instance).into(),
        row.study.as_ref().map(pack).unwrap_or_default().into(),
        pack(&row.sop_class).into(),
        key.into(),
        marks::write(row).into(),
    ]
}

fn parse(fields: &mut Fields<'_>) -> Option<SealRow> {
    let archive = fields.title()?;
    let instance = unpack(fields.bytes()?)?;
    let study = match fields.bytes()? {
        [] => None,
        packed => Some(unpack(packed)?),
    };
    let sop_class = unpack(fields.bytes()?)?;
    let _ = fields.int()?;
    marks::read(
        fields.bytes()?,
        SealRow {
            archive,
            instance,
            study,
            sop_class,
            seals: Vec::new(),
            forgot: false,
            forgot_doubtful: 0,
            changes: 0,
        },
    )
}

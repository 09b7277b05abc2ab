//! The review list in the database.

use crate::state::review::{NewReview, Review};
use crate::state::row::{Fields, Row, Value};
use crate::state::seal::Table;
use crate::state::store::Question;
use crate::state::{NEVER, State, StateFault};

/// The review list.
pub static REVIEWS: Table = Table { name: "dicomgate_review", key: 1, columns: 10, added: 0 };

/// So many entries are shown at once.
const MOST: usize = 10_000;
/// So many seconds is an entry kept that somebody has looked at (a year).
const REVIEWED_KEPT: i64 = 366 * 86_400;

const PUT: &str = "INSERT INTO dicomgate_review (id, person, peer, rule, since, incident, gateway, reviewed, reviewed_by, \
     expires, mac) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (id) DO NOTHING";
const ALL: &str = "SELECT id, person, peer, rule, since, incident, gateway, reviewed, reviewed_by, expires, mac \
     FROM dicomgate_review ORDER BY CASE WHEN reviewed = 0 THEN 0 ELSE 1 END, since, id LIMIT ?1";
const DONE: &str = "UPDATE dicomgate_review SET reviewed = ?1, reviewed_by = ?2, expires = ?3, mac = ?4 \
     WHERE id = ?5 AND mac = ?6 RETURNING since";

impl State {
    /// Puts a use on the list, durably. The same use again changes nothing.
    pub async fn review(&self, used: &NewReview) -> Result<(), StateFault> {
        let id = self.hash("review", &[used.gateway.as_bytes(), used.incident.as_bytes()]);
        let review = Review { used: used.clone(), reviewed: None };
        self.ask(Question::durable(PUT, self.seal(&REVIEWS, row(id, &review)))).await.map(drop)
    }

    /// The list: first what nobody has looked at, each part oldest first; at most 10,000.
    pub async fn reviews(&self) -> Result<Vec<Review>, StateFault> {
        let rows = self.review_rows().await?;
        Ok(rows.iter().filter_map(|row| self.review_of(row)).map(|(_, review)| review).collect())
    }

    /// Somebody has looked at the use with this incident id, durably; `None`: there is none that nobody has looked at.
    pub async fn reviewed(&self, incident: &str, by: &str) -> Result<Option<Review>, StateFault> {
        let mut done = None;
        for before in self.review_rows().await? {
            let Some((id, mut review)) = self.review_of(&before) else { continue };
            if review.used.incident != incident || review.reviewed.is_some() {
                continue;
            }
            let now = self.now();
            review.reviewed = Some((now, by.to_owned()));
            let mac = self.seal(&REVIEWS, row(id, &review)).pop().unwrap_or(Value::Foreign);
            let before = before.last().cloned().unwrap_or(Value::Foreign);
            let expires = now.saturating_add(REVIEWED_KEPT);
            let values = vec![now.into(), by.into(), expires.into(), mac, id.into(), before];
            if !self.ask(Question::durable(DONE, values)).await?.is_empty() {
                done = Some(review);
            }
        }
        Ok(done)
    }

    async fn review_rows(&self) -> Result<Vec<Row>, StateFault> {
        self.ask(Question::new(ALL, vec![i64::try_from(MOST).unwrap_or(i64::MAX).into()])).await
    }

    fn review_of(&self, row: &[Value]) -> Option<([u8; 16], Review)> {
        let (id, review, expires) = self.read(&REVIEWS, row, parse)?;
        (expires >= self.now()).then_some((id, review))
    }
}

fn row(id: [u8; 16], review: &Review) -> Row {
    let used = &review.used;
    let (reviewed, by) = review.reviewed.as_ref().map_or((0, ""), |(at, by)| (*at, by));
    vec![
        id.into(),
        used.user.as_str().into(),
        used.peer.as_str().into(),
        used.rule.as_str().into(),
        used.since.into(),
        used.incident.as_str().into(),
        used.gateway.as_str().into(),
        reviewed.into(),
        by.into(),
        if reviewed == 0 { NEVER } else { reviewed.saturating_add(REVIEWED_KEPT) }.into(),
    ]
}

fn parse(fields: &mut Fields<'_>) -> Option<([u8; 16], Review, i64)> {
    let id = fields.array()?;
    let used = NewReview {
        user: fields.text()?.to_owned(),
        peer: fields.text()?.to_owned(),
        rule: fields.text()?.to_owned(),
        since: fields.int()?,
        incident: fields.text()?.to_owned(),
        gateway: fields.text()?.to_owned(),
    };
    let (at, by) = (fields.int()?, fields.text()?.to_owned());
    Some((id, Review { used, reviewed: (at != 0).then_some((at, by)) }, fields.int()?))
}

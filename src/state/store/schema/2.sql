-- Version 2: people. What is remembered of them, and who of them asked for what is under way.
-- A column that is added to a table of an earlier version has an empty value as its default, and stands behind the
-- others in the `Table` with its number in `added`: the MAC of a row that was there before does not cover it.
CREATE TABLE dicomgate_budget (
    bucket BYTEA NOT NULL, page BIGINT NOT NULL, spent BYTEA NOT NULL, expires BIGINT NOT NULL, mac BYTEA NOT NULL,
    PRIMARY KEY (bucket, page)
);
CREATE INDEX dicomgate_budget_expires ON dicomgate_budget (expires);
CREATE TABLE dicomgate_quarantine (
    subject TEXT PRIMARY KEY, since BIGINT NOT NULL, why TEXT NOT NULL, incident TEXT NOT NULL, gateway TEXT NOT NULL,
    released BIGINT NOT NULL, released_by TEXT NOT NULL, reason TEXT NOT NULL, noted BIGINT NOT NULL,
    expires BIGINT NOT NULL, mac BYTEA NOT NULL
);
CREATE INDEX dicomgate_quarantine_expires ON dicomgate_quarantine (expires);
CREATE TABLE dicomgate_lockout (
    subject BYTEA PRIMARY KEY, failures BIGINT NOT NULL, until BIGINT NOT NULL, expires BIGINT NOT NULL,
    mac BYTEA NOT NULL
);
CREATE INDEX dicomgate_lockout_expires ON dicomgate_lockout (expires);
CREATE TABLE dicomgate_review (
    id BYTEA PRIMARY KEY, person TEXT NOT NULL, peer TEXT NOT NULL, rule TEXT NOT NULL, since BIGINT NOT NULL,
    incident TEXT NOT NULL, gateway TEXT NOT NULL, reviewed BIGINT NOT NULL, reviewed_by TEXT NOT NULL,
    expires BIGINT NOT NULL, mac BYTEA NOT NULL
);
CREATE INDEX dicomgate_review_since ON dicomgate_review (reviewed, since, id);
CREATE INDEX dicomgate_review_expires ON dicomgate_review (expires);
ALTER TABLE dicomgate_grant ADD COLUMN person TEXT NOT NULL DEFAULT '';
ALTER TABLE dicomgate_commitment ADD COLUMN person TEXT NOT NULL DEFAULT '';

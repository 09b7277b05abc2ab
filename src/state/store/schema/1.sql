-- Version 1. For both stores (SQLite reads BYTEA as BLOB). Every table has the MAC of its row.
CREATE TABLE IF NOT EXISTS dicomgate_schema (version BIGINT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS dicomgate_grant (
    id BYTEA PRIMARY KEY,
    archive TEXT NOT NULL, title TEXT NOT NULL, message BIGINT NOT NULL, nth BIGINT NOT NULL,
    told TEXT NOT NULL, destination TEXT NOT NULL,
    requester TEXT NOT NULL, requester_title TEXT NOT NULL, requester_message BIGINT NOT NULL,
    class TEXT NOT NULL, syntax TEXT NOT NULL, scope BYTEA NOT NULL, association TEXT NOT NULL, lags BIGINT NOT NULL,
    made BIGINT NOT NULL, expires BIGINT NOT NULL, mac BYTEA NOT NULL,
    UNIQUE (archive, title, message, nth)
);
CREATE INDEX IF NOT EXISTS dicomgate_grant_told ON dicomgate_grant (archive, told);
CREATE INDEX IF NOT EXISTS dicomgate_grant_expires ON dicomgate_grant (expires);
CREATE TABLE IF NOT EXISTS dicomgate_seen (
    grant_id BYTEA NOT NULL, instance TEXT NOT NULL, status BIGINT NOT NULL, expires BIGINT NOT NULL,
    mac BYTEA NOT NULL, PRIMARY KEY (grant_id, instance)
);
CREATE INDEX IF NOT EXISTS dicomgate_seen_expires ON dicomgate_seen (expires);
CREATE TABLE IF NOT EXISTS dicomgate_turn (
    what TEXT PRIMARY KEY, token BYTEA NOT NULL, expires BIGINT NOT NULL, mac BYTEA NOT NULL
);
CREATE TABLE IF NOT EXISTS dicomgate_commitment (
    archive TEXT NOT NULL, transaction_uid TEXT NOT NULL, title TEXT NOT NULL,
    requester TEXT NOT NULL, requester_title TEXT NOT NULL,
    expires BIGINT NOT NULL, mac BYTEA NOT NULL, PRIMARY KEY (archive, transaction_uid, title)
);
CREATE INDEX IF NOT EXISTS dicomgate_commitment_expires ON dicomgate_commitment (expires);
CREATE TABLE IF NOT EXISTS dicomgate_report (
    id BYTEA PRIMARY KEY,
    archive TEXT NOT NULL, transaction_uid TEXT NOT NULL, title TEXT NOT NULL,
    requester TEXT NOT NULL, requester_title TEXT NOT NULL,
    event_type BIGINT NOT NULL, size BIGINT NOT NULL, digest BYTEA NOT NULL,
    attempts BIGINT NOT NULL, due BIGINT NOT NULL, leased BIGINT NOT NULL, expires BIGINT NOT NULL, mac BYTEA NOT NULL,
    data_set BYTEA NOT NULL,
    UNIQUE (archive, transaction_uid, title)
);
CREATE INDEX IF NOT EXISTS dicomgate_report_due ON dicomgate_report (due, id);
CREATE INDEX IF NOT EXISTS dicomgate_report_expires ON dicomgate_report (expires);

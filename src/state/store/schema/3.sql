-- Version 3: the seal ledger. It says which seals of an instance an archive may hold, so that an older one that was put
-- back shows. UIDs are packed (half a byte a character), the seals of an instance are one value. Rows do not expire.
CREATE TABLE dicomgate_sealed (
    archive TEXT NOT NULL, instance BYTEA NOT NULL, study BYTEA NOT NULL, class BYTEA NOT NULL, ring_key BIGINT NOT NULL,
    seals BYTEA NOT NULL, mac BYTEA NOT NULL, PRIMARY KEY (archive, instance)
);
CREATE INDEX dicomgate_sealed_study ON dicomgate_sealed (study);
CREATE INDEX dicomgate_sealed_key ON dicomgate_sealed (archive, ring_key);

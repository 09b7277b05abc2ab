-- Version 4: what commands beside a gateway have done, until the gateway has it in its audit log.
CREATE TABLE dicomgate_told (
    id BYTEA PRIMARY KEY, gateway TEXT NOT NULL, what TEXT NOT NULL, mac BYTEA NOT NULL
);
CREATE INDEX dicomgate_told_gateway ON dicomgate_told (gateway, id);

-- JSON; NULL for a key without limits.
ALTER TABLE api_key ADD COLUMN limits TEXT;

-- What a key has used on a day (days since 1970-01-01, UTC): written every few seconds while it is used.
CREATE TABLE api_key_usage (
    api_key BIGINT PRIMARY KEY REFERENCES api_key (id) ON DELETE CASCADE,
    day BIGINT NOT NULL,
    used BIGINT NOT NULL
);

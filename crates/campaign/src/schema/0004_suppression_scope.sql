-- A suppression may hold for the mail of one list (`list`, 0 for none) or of one tenant and stream (`tenant`, `stream`,
-- empty for none). The rows from before hold for all mail that their reason applies to.
CREATE TABLE suppression_scoped (
    address_key {key} NOT NULL,
    reason TEXT NOT NULL,
    list BIGINT NOT NULL DEFAULT 0,
    tenant {key} NOT NULL DEFAULT '',
    stream {key} NOT NULL DEFAULT '',
    address TEXT NOT NULL,
    note TEXT NOT NULL,
    campaign BIGINT,
    created_at BIGINT NOT NULL,
    removed_at BIGINT,
    PRIMARY KEY (address_key, reason, list, tenant, stream)
);
INSERT INTO suppression_scoped
    SELECT address_key, reason, 0, '', '', address, note, campaign, created_at, removed_at FROM suppression;
DROP TABLE suppression;
ALTER TABLE suppression_scoped RENAME TO suppression;

-- What people edit is counted: a change names the version it is based on, and one that is based on an older version is
-- refused. `changed_by` is the address of the account or the name of the key; empty for an import, and before the first
-- change.
ALTER TABLE campaign ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE campaign ADD COLUMN changed_by TEXT NOT NULL DEFAULT '';
ALTER TABLE list ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE list ADD COLUMN changed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE list ADD COLUMN changed_by TEXT NOT NULL DEFAULT '';
UPDATE list SET changed_at = created_at;
ALTER TABLE contact ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE contact ADD COLUMN changed_by TEXT NOT NULL DEFAULT '';

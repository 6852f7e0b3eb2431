-- Begun with a password made by somebody else: it sets an own one without asking for that password again.
ALTER TABLE session ADD COLUMN one_time BIGINT NOT NULL DEFAULT 0;

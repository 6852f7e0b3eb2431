-- Mail that came back after it was taken: a recipient with `came_back_at` stays delivered, `came_back` is how many of the
-- delivered. Failed attempts are told apart by what became of the recipient: what `attempts` holds beyond the other three was
-- put off. What was folded before stands under that until the reports are built again (`ies rebuild-reports`).
ALTER TABLE recipient ADD COLUMN came_back_at BIGINT;
ALTER TABLE tally_provider ADD COLUMN came_back BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tally_category ADD COLUMN bounced BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tally_category ADD COLUMN expired BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tally_category ADD COLUMN came_back BIGINT NOT NULL DEFAULT 0;

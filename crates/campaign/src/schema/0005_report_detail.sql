-- Opens and clicks of programs are told from those of people: `opened_at`, `clicked_at`, `links`, `openers`, `clickers`
-- speak of people only, `opens` and `clicks` stay all requests, `auto_…` is how many of them nobody asked for. What was
-- folded before counts as people's until the reports are built again (`ies rebuild-reports`).
ALTER TABLE recipient ADD COLUMN automatic_at BIGINT;
ALTER TABLE tally_provider ADD COLUMN auto_opens BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tally_provider ADD COLUMN auto_clicks BIGINT NOT NULL DEFAULT 0;
ALTER TABLE link ADD COLUMN auto_clicks BIGINT NOT NULL DEFAULT 0;

-- What happened from `begins` (seconds since 1970) on for `span` seconds: the younger the campaign was, the finer, see
-- `report/moment.rs`. `opens` and `clicks` are those of people, `automatic` both of programs. The minutes of before hold
-- expiries under `bounced`, and nothing under `automatic`.
CREATE TABLE tally_time (
    campaign BIGINT NOT NULL REFERENCES campaign (id) ON DELETE CASCADE,
    begins BIGINT NOT NULL,
    span BIGINT NOT NULL,
    delivered BIGINT NOT NULL,
    deferred BIGINT NOT NULL,
    bounced BIGINT NOT NULL,
    expired BIGINT NOT NULL,
    opens BIGINT NOT NULL,
    clicks BIGINT NOT NULL,
    automatic BIGINT NOT NULL,
    PRIMARY KEY (campaign, begins, span)
);
INSERT INTO tally_time
    SELECT campaign, minute * 60, 60, delivered, deferred, bounced, 0, opens, clicks, 0 FROM tally_minute;
DROP TABLE tally_minute;

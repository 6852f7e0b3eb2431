-- Where a reader of the event log goes on. Changed in the transaction that holds what the events led to.
CREATE TABLE log_cursor (
    name TEXT PRIMARY KEY,
    place TEXT NOT NULL,
    events BIGINT NOT NULL,
    unmatched BIGINT NOT NULL,
    unreadable BIGINT NOT NULL,
    gaps BIGINT NOT NULL
);

-- Sums over `recipient` by provider (from handed_over to clickers), and of requests and attempts (the rest).
CREATE TABLE tally_provider (
    campaign BIGINT NOT NULL REFERENCES campaign (id) ON DELETE CASCADE,
    provider {key} NOT NULL,
    handed_over BIGINT NOT NULL,
    deferred_now BIGINT NOT NULL,
    delivered BIGINT NOT NULL,
    bounced BIGINT NOT NULL,
    expired BIGINT NOT NULL,
    suppressed BIGINT NOT NULL,
    complaints BIGINT NOT NULL,
    unsubscribes BIGINT NOT NULL,
    openers BIGINT NOT NULL,
    clickers BIGINT NOT NULL,
    deferrals BIGINT NOT NULL,
    opens BIGINT NOT NULL,
    clicks BIGINT NOT NULL,
    PRIMARY KEY (campaign, provider)
);

CREATE TABLE tally_category (
    campaign BIGINT NOT NULL REFERENCES campaign (id) ON DELETE CASCADE,
    category {key} NOT NULL,
    attempts BIGINT NOT NULL,
    sample TEXT NOT NULL,
    PRIMARY KEY (campaign, category)
);

-- `minute` counts minutes since 1970.
CREATE TABLE tally_minute (
    campaign BIGINT NOT NULL REFERENCES campaign (id) ON DELETE CASCADE,
    minute BIGINT NOT NULL,
    delivered BIGINT NOT NULL,
    deferred BIGINT NOT NULL,
    bounced BIGINT NOT NULL,
    opens BIGINT NOT NULL,
    clicks BIGINT NOT NULL,
    PRIMARY KEY (campaign, minute)
);

-- Histogram of the time from acceptance to delivery; see `report/delay.rs` for the buckets.
CREATE TABLE tally_delay (
    campaign BIGINT NOT NULL REFERENCES campaign (id) ON DELETE CASCADE,
    provider {key} NOT NULL,
    bucket BIGINT NOT NULL,
    delivered BIGINT NOT NULL,
    PRIMARY KEY (campaign, provider, bucket)
);

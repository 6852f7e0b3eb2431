-- What is written stands in the columns up to `track_clicks` and may change while the state is draft. From then on
-- `source` (the stored form of mail::program::Source) is what is sent.
CREATE TABLE campaign (
    id BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    subject TEXT NOT NULL,
    preheader TEXT NOT NULL,
    from_name TEXT NOT NULL,
    from_address TEXT NOT NULL,
    reply_to TEXT NOT NULL,
    list BIGINT REFERENCES list (id) ON DELETE SET NULL,
    format TEXT NOT NULL,
    body TEXT NOT NULL,
    text_body TEXT NOT NULL,
    stream TEXT NOT NULL,
    pool TEXT NOT NULL,
    track_opens BIGINT NOT NULL,
    track_clicks BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    -- Why the program itself paused it.
    trouble TEXT,
    -- Frozen with the state sending.
    source {blob},
    audience BIGINT NOT NULL DEFAULT 0,
    -- The message in the spool, known after the first hand-over.
    message BIGINT,
    -- Nothing more will be handed over: all are, or it was cancelled and the queue knows. `skipped` recipients were
    -- not, because the contact was deleted meanwhile.
    fed_at BIGINT,
    skipped BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX campaign_state ON campaign (state);

-- The frozen audience, and what became of each. `seq` counts from 1 without gaps and is the position of the feed's
-- checkpoint. State: waiting, skipped, queued, deferred, delivered, bounced, expired, suppressed.
-- `links` is a bitmap of the links that were followed.
CREATE TABLE recipient (
    campaign BIGINT NOT NULL REFERENCES campaign (id) ON DELETE CASCADE,
    seq BIGINT NOT NULL,
    contact BIGINT NOT NULL,
    address TEXT NOT NULL,
    recipient BIGINT,
    state TEXT NOT NULL,
    provider TEXT,
    attempts BIGINT NOT NULL DEFAULT 0,
    category TEXT,
    last_reply TEXT,
    changed_at BIGINT NOT NULL DEFAULT 0,
    opened_at BIGINT,
    clicked_at BIGINT,
    complained_at BIGINT,
    unsubscribed_at BIGINT,
    links {blob},
    PRIMARY KEY (campaign, seq)
);
CREATE UNIQUE INDEX recipient_contact ON recipient (campaign, contact);
CREATE INDEX recipient_id ON recipient (recipient) WHERE recipient IS NOT NULL;

-- The link table of a campaign: what a click token's number means.
CREATE TABLE link (
    campaign BIGINT NOT NULL REFERENCES campaign (id) ON DELETE CASCADE,
    place BIGINT NOT NULL,
    url TEXT NOT NULL,
    clicks BIGINT NOT NULL DEFAULT 0,
    clickers BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (campaign, place)
);

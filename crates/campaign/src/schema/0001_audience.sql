-- Fields that contacts may have. `choices` is a JSON array of texts.
CREATE TABLE field (
    name {key} PRIMARY KEY,
    label TEXT NOT NULL,
    kind TEXT NOT NULL,
    choices TEXT NOT NULL
);
INSERT INTO field (name, label, kind, choices) VALUES
    ('first_name', 'First name', 'text', '[]'),
    ('last_name', 'Last name', 'text', '[]');

CREATE TABLE list (
    id BIGINT PRIMARY KEY,
    name {key} NOT NULL UNIQUE,
    description TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- One row for each mailbox. `address_key` is the address in lower case; `name_key` and `domain` serve the search.
CREATE TABLE contact (
    id BIGINT PRIMARY KEY,
    address TEXT NOT NULL,
    address_key {key} NOT NULL UNIQUE,
    domain {key} NOT NULL,
    name TEXT NOT NULL,
    name_key {key} NOT NULL,
    fields {json} NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX contact_name ON contact (name_key);
CREATE INDEX contact_domain ON contact (domain, id);

CREATE TABLE membership (
    list BIGINT NOT NULL REFERENCES list (id) ON DELETE CASCADE,
    contact BIGINT NOT NULL REFERENCES contact (id) ON DELETE CASCADE,
    state TEXT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (list, contact)
);
CREATE INDEX membership_contact ON membership (contact);

-- Addresses that must not be written to. A row that was taken away by a person stays with `removed_at`, so that a
-- replay of older events does not bring it back.
CREATE TABLE suppression (
    address_key {key} NOT NULL,
    reason TEXT NOT NULL,
    address TEXT NOT NULL,
    note TEXT NOT NULL,
    campaign BIGINT,
    created_at BIGINT NOT NULL,
    removed_at BIGINT,
    PRIMARY KEY (address_key, reason)
);

-- `header` is a JSON array of the column names, `reasons` a JSON array of {reason, rows}.
CREATE TABLE import (
    id BIGINT PRIMARY KEY,
    list BIGINT NOT NULL REFERENCES list (id) ON DELETE CASCADE,
    state TEXT NOT NULL,
    header TEXT NOT NULL,
    rows_read BIGINT NOT NULL,
    accepted BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    held_back BIGINT NOT NULL,
    bytes_done BIGINT NOT NULL,
    bytes_total BIGINT NOT NULL,
    error TEXT,
    reasons TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- Rows that were refused. `cells` is a JSON array of the row as it was.
CREATE TABLE import_error (
    import BIGINT NOT NULL REFERENCES import (id) ON DELETE CASCADE,
    line BIGINT NOT NULL,
    field TEXT NOT NULL,
    reason TEXT NOT NULL,
    cells TEXT NOT NULL,
    PRIMARY KEY (import, line)
);

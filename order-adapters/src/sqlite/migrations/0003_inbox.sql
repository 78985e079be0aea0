-- What payment providers tell of their own accord, until somebody has attended to it; and what they call our payments.

CREATE TABLE inbox (
    provider    TEXT    NOT NULL,
    event_id    TEXT    NOT NULL,
    status      TEXT    NOT NULL
        CONSTRAINT inbox_status CHECK (status IN ('received', 'parked', 'attended', 'ignored')),
    received_at INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL,
    -- When somebody has to attend to it: while it is claimed, when the claim ends.
    due_at      INTEGER,
    -- How often it could not be attended to, and why the last time.
    attempts    INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    reason      TEXT,
    order_id    BLOB    CHECK (length(order_id) = 16),
    -- What the provider said.
    body        TEXT    NOT NULL CHECK (json_valid(body)),
    PRIMARY KEY (provider, event_id),
    CONSTRAINT inbox_open_is_due CHECK ((status IN ('received', 'parked')) = (due_at IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX inbox_due ON inbox (due_at, provider, event_id) WHERE due_at IS NOT NULL;
CREATE INDEX inbox_settled ON inbox (changed_at, provider, event_id) WHERE due_at IS NULL;
CREATE INDEX inbox_by_receipt ON inbox (received_at, provider, event_id);
CREATE INDEX inbox_by_status ON inbox (status, received_at, provider, event_id);

CREATE TRIGGER inbox_unchanged BEFORE UPDATE OF provider, event_id, received_at, body ON inbox BEGIN
    SELECT RAISE(ABORT, 'what a provider said never changes');
END;

CREATE TRIGGER inbox_kept BEFORE DELETE ON inbox WHEN OLD.due_at IS NOT NULL BEGIN
    SELECT RAISE(ABORT, 'a notice is settled before it is removed');
END;

CREATE INDEX payments_by_reference ON payments (provider_reference) WHERE provider_reference IS NOT NULL;

-- What payment providers tell of their own accord, until somebody has attended to it; and what they call our payments.

CREATE DOMAIN {schema}.inbox_status AS text COLLATE "C" CONSTRAINT inbox_status CHECK (VALUE IN
    ('received', 'parked', 'attended', 'ignored'));

CREATE TABLE {schema}.inbox (
    provider    text    COLLATE "C" NOT NULL,
    event_id    text    COLLATE "C" NOT NULL,
    status      {schema}.inbox_status NOT NULL,
    received_at bigint  NOT NULL,
    changed_at  bigint  NOT NULL,
    -- When somebody has to attend to it: while it is claimed, when the claim ends.
    due_at      bigint,
    -- How often it could not be attended to, and why the last time.
    attempts    {schema}.counter NOT NULL DEFAULT 0,
    reason      text,
    order_id    uuid,
    -- What the provider said.
    body        text    NOT NULL,
    PRIMARY KEY (provider, event_id),
    CONSTRAINT inbox_open_is_due CHECK ((status IN ('received', 'parked')) = (due_at IS NOT NULL))
);

CREATE INDEX inbox_due ON {schema}.inbox (due_at, provider, event_id) WHERE due_at IS NOT NULL;
CREATE INDEX inbox_settled ON {schema}.inbox (changed_at, provider, event_id) WHERE due_at IS NULL;
CREATE INDEX inbox_by_receipt ON {schema}.inbox (received_at, provider, event_id);
CREATE INDEX inbox_by_status ON {schema}.inbox (status, received_at, provider, event_id);

CREATE TRIGGER inbox_unchanged BEFORE UPDATE OF provider, event_id, received_at, body ON {schema}.inbox
    FOR EACH ROW EXECUTE FUNCTION {schema}.forbidden('what a provider said never changes');
CREATE TRIGGER inbox_kept BEFORE DELETE ON {schema}.inbox FOR EACH ROW WHEN (OLD.due_at IS NOT NULL)
    EXECUTE FUNCTION {schema}.forbidden('a notice is settled before it is removed');

CREATE INDEX payments_by_reference ON {schema}.payments (provider_reference) WHERE provider_reference IS NOT NULL;

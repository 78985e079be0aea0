-- Instants are whole milliseconds since 1970 (UTC); amounts are whole minor units of the row's currency; ids are UUIDs whose
-- order is the order in which they were made. `body` is the whole value as JSON, kept as it was written (`body::json` in SQL);
-- the other columns are what guards and questions need of it. Texts compare by their bytes.
--
-- `{schema}` is the schema's quoted name. There are no foreign keys: they would be looked up row by row, while what they
-- would forbid is forbidden by triggers that look at a whole statement at once.

CREATE TABLE {schema}.orders (
    id          uuid   NOT NULL PRIMARY KEY,
    number      text   COLLATE "C" NOT NULL CONSTRAINT orders_number UNIQUE,
    customer_id text   COLLATE "C" NOT NULL,
    cart_id     uuid   CONSTRAINT orders_cart UNIQUE,
    status      text   COLLATE "C" NOT NULL CONSTRAINT orders_status CHECK (status IN
        ('pending', 'confirmed', 'paid', 'processing', 'shipped', 'delivered', 'cancelled', 'refunded')),
    version     bigint NOT NULL CONSTRAINT orders_version CHECK (version >= 0),
    currency    text   COLLATE "C" NOT NULL CONSTRAINT orders_currency CHECK (length(currency) = 3),
    total_minor bigint NOT NULL,
    created_at  bigint NOT NULL,
    due_at      bigint,
    sellers     text[] COLLATE "C" NOT NULL,
    search      text   COLLATE "C" NOT NULL,
    body        text   NOT NULL
);

CREATE INDEX orders_by_customer ON {schema}.orders (customer_id, id);
CREATE INDEX orders_by_status ON {schema}.orders (status, id);
CREATE INDEX orders_by_creation ON {schema}.orders (created_at, id);
CREATE INDEX orders_due ON {schema}.orders (due_at, id) WHERE due_at IS NOT NULL;

-- The sellers of an order, kept in step with `orders.sellers`.
CREATE TABLE {schema}.order_sellers (
    seller_id text COLLATE "C" NOT NULL,
    order_id  uuid NOT NULL,
    PRIMARY KEY (seller_id, order_id)
);

CREATE FUNCTION {schema}.orders_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO {schema}.order_sellers (seller_id, order_id)
    SELECT DISTINCT unnest(o.sellers), o.id FROM added AS o;
    RETURN NULL;
END $$;

CREATE TRIGGER orders_added AFTER INSERT ON {schema}.orders
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION {schema}.orders_added();

CREATE FUNCTION {schema}.order_sellers_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM {schema}.order_sellers
    WHERE seller_id = ANY (OLD.sellers) AND order_id = OLD.id AND seller_id <> ALL (NEW.sellers);
    INSERT INTO {schema}.order_sellers (seller_id, order_id)
    SELECT DISTINCT unnest(NEW.sellers), NEW.id ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER orders_sellers_changed AFTER UPDATE ON {schema}.orders
    FOR EACH ROW WHEN (NEW.sellers IS DISTINCT FROM OLD.sellers)
    EXECUTE FUNCTION {schema}.order_sellers_changed();

-- Raises the trigger's argument.
CREATE FUNCTION {schema}.forbidden() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
END $$;

CREATE TRIGGER orders_kept BEFORE DELETE ON {schema}.orders
    FOR EACH ROW EXECUTE FUNCTION {schema}.forbidden('an order is never removed');
CREATE TRIGGER orders_not_emptied BEFORE TRUNCATE ON {schema}.orders
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.forbidden('an order is never removed');
CREATE TRIGGER orders_same BEFORE UPDATE ON {schema}.orders FOR EACH ROW WHEN (NEW.id <> OLD.id)
    EXECUTE FUNCTION {schema}.forbidden('an order stays the same');

CREATE TABLE {schema}.payments (
    id                 uuid   NOT NULL PRIMARY KEY,
    order_id           uuid   NOT NULL,
    provider           text   COLLATE "C" NOT NULL,
    provider_reference text   COLLATE "C",
    captured_minor     bigint NOT NULL CONSTRAINT payments_captured CHECK (captured_minor >= 0),
    refunded_minor     bigint NOT NULL CONSTRAINT payments_refunded CHECK (refunded_minor >= 0),
    -- Refunds that are under way or unknown.
    refunding_minor    bigint NOT NULL CONSTRAINT payments_refunding CHECK (refunding_minor >= 0),
    CONSTRAINT payments_refundable CHECK (
        refunded_minor <= captured_minor AND refunding_minor <= captured_minor - refunded_minor)
);

CREATE INDEX payments_by_order ON {schema}.payments (order_id);

-- What happened. Nothing in it ever changes.
CREATE TABLE {schema}.events (
    order_id uuid   NOT NULL,
    sequence bigint NOT NULL CONSTRAINT events_sequence CHECK (sequence >= 1),
    at       bigint NOT NULL,
    name     text   COLLATE "C" NOT NULL,
    body     text   NOT NULL,
    PRIMARY KEY (order_id, sequence)
);

CREATE TRIGGER events_unchanged BEFORE UPDATE ON {schema}.events
    FOR EACH ROW EXECUTE FUNCTION {schema}.forbidden('what happened never changes');
CREATE TRIGGER events_kept BEFORE DELETE ON {schema}.events
    FOR EACH ROW EXECUTE FUNCTION {schema}.forbidden('what happened is never forgotten');
CREATE TRIGGER events_not_emptied BEFORE TRUNCATE ON {schema}.events
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.forbidden('what happened is never forgotten');

-- One row for each order with undelivered events: those from `head` to `last`.
CREATE TABLE {schema}.outbox (
    order_id   uuid    NOT NULL PRIMARY KEY,
    head       bigint  NOT NULL CONSTRAINT outbox_head CHECK (head >= 1),
    last       bigint  NOT NULL,
    -- When the head happened.
    at         bigint  NOT NULL,
    -- Claimed, or waiting to be tried again, until then.
    busy_until bigint,
    -- How often the delivery of the head failed.
    attempts   integer NOT NULL DEFAULT 0 CONSTRAINT outbox_attempts CHECK (attempts >= 0),
    CONSTRAINT outbox_last CHECK (last >= head)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

CREATE INDEX outbox_free ON {schema}.outbox (at, order_id) WHERE busy_until IS NULL;
CREATE INDEX outbox_busy ON {schema}.outbox (busy_until) WHERE busy_until IS NOT NULL;
CREATE INDEX outbox_failing ON {schema}.outbox (at, order_id) WHERE attempts > 0;

-- New events follow the last one of their order without a gap, and wait in the outbox. What must exist is asked for by scalar
-- subqueries: others might be answered by reading a whole table.
CREATE FUNCTION {schema}.events_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (
            SELECT e.order_id, min(e.sequence) AS first, max(e.sequence) AS last, count(*) AS events
            FROM added AS e GROUP BY e.order_id
        ) AS a
        WHERE a.last - a.first + 1 <> a.events
            OR CASE a.first
                WHEN 1 THEN (SELECT o.id FROM {schema}.orders AS o WHERE o.id = a.order_id)
                ELSE (
                    SELECT e.order_id FROM {schema}.events AS e
                    WHERE e.order_id = a.order_id AND e.sequence = a.first - 1)
            END IS NULL
    ) THEN
        RAISE EXCEPTION 'the history of an order has no gaps'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'events_without_gap';
    END IF;
    INSERT INTO {schema}.outbox AS waiting (order_id, head, last, at)
    SELECT e.order_id, min(e.sequence), max(e.sequence), (array_agg(e.at ORDER BY e.sequence))[1]
    FROM added AS e GROUP BY e.order_id ORDER BY e.order_id
    ON CONFLICT (order_id) DO UPDATE SET last = excluded.last;
    RETURN NULL;
END $$;

CREATE TRIGGER events_added AFTER INSERT ON {schema}.events
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION {schema}.events_added();

CREATE TABLE {schema}.carts (
    id         uuid   NOT NULL PRIMARY KEY,
    owner_key  text   COLLATE "C" NOT NULL,
    status     text   COLLATE "C" NOT NULL CONSTRAINT carts_status CHECK (status IN ('open', 'ordered', 'merged')),
    version    bigint NOT NULL CONSTRAINT carts_version CHECK (version >= 0),
    expires_at bigint NOT NULL,
    body       text   NOT NULL
);

CREATE UNIQUE INDEX carts_open ON {schema}.carts (owner_key) WHERE status = 'open';
CREATE INDEX carts_expiring ON {schema}.carts (expires_at, id) WHERE status = 'open';

CREATE TABLE {schema}.stock (
    product_id text   COLLATE "C" NOT NULL,
    location   text   COLLATE "C" NOT NULL,
    on_hand    bigint NOT NULL CONSTRAINT stock_largest CHECK (on_hand <= {max_units}),
    reserved   bigint NOT NULL,
    sold       bigint NOT NULL CONSTRAINT stock_sold CHECK (sold >= 0),
    PRIMARY KEY (product_id, location),
    CONSTRAINT stock_never_oversold CHECK (reserved BETWEEN 0 AND on_hand)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);

CREATE TABLE {schema}.reservations (
    id         uuid   NOT NULL PRIMARY KEY,
    order_id   uuid,
    status     text   COLLATE "C" NOT NULL CONSTRAINT reservations_status CHECK (status IN
        ('active', 'confirmed', 'expired', 'cancelled')),
    expires_at bigint NOT NULL,
    products   text[] COLLATE "C" NOT NULL,
    body       text   NOT NULL
);

CREATE INDEX reservations_expiring ON {schema}.reservations (expires_at, id) WHERE status = 'active';

CREATE TRIGGER reservations_end_once BEFORE UPDATE ON {schema}.reservations
    FOR EACH ROW WHEN (OLD.status <> 'active')
    EXECUTE FUNCTION {schema}.forbidden('a reservation ends once');
CREATE TRIGGER reservations_kept BEFORE DELETE ON {schema}.reservations
    FOR EACH ROW WHEN (OLD.status = 'active')
    EXECUTE FUNCTION {schema}.forbidden('a reservation is ended before it is removed');

CREATE TABLE {schema}.idempotency (
    scope            text   COLLATE "C" NOT NULL,
    key              text   COLLATE "C" NOT NULL,
    fingerprint      text   COLLATE "C" NOT NULL,
    subject          uuid   NOT NULL,
    answered_version bigint CONSTRAINT idempotency_answered CHECK (answered_version >= 0),
    created_at       bigint NOT NULL,
    PRIMARY KEY (scope, key)
);

CREATE INDEX idempotency_by_age ON {schema}.idempotency (created_at);

CREATE TRIGGER idempotency_answered_once BEFORE UPDATE ON {schema}.idempotency
    FOR EACH ROW WHEN (OLD.answered_version IS NOT NULL)
    EXECUTE FUNCTION {schema}.forbidden('a request is answered once');

-- The write-sets that were applied.
CREATE TABLE {schema}.write_sets (
    id uuid   NOT NULL PRIMARY KEY,
    at bigint NOT NULL
);

CREATE INDEX write_sets_by_age ON {schema}.write_sets (at);

-- Bodies are compressed by what costs least, where the server has it.
DO $$
DECLARE
    with_body text;
BEGIN
    IF EXISTS (SELECT FROM pg_settings WHERE pg_settings.name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
        FOREACH with_body IN ARRAY ARRAY['orders', 'events', 'carts', 'reservations'] LOOP
            EXECUTE format('ALTER TABLE {schema}.%I ALTER COLUMN body SET COMPRESSION lz4', with_body);
        END LOOP;
    END IF;
END $$;

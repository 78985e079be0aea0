-- The journals of stock levels: what the staff did and why, and every time that what is available crossed nothing or the threshold.

ALTER TABLE {schema}.stock
    -- The stock is low when no more than so many units are available.
    ADD COLUMN low_at bigint CONSTRAINT stock_threshold CHECK (low_at BETWEEN 0 AND {max_units}),
    -- How many records the level's journal has.
    ADD COLUMN records bigint NOT NULL DEFAULT 0 CONSTRAINT stock_records_counted CHECK (records >= 0),
    -- When a write-set last changed it.
    ADD COLUMN changed_at bigint NOT NULL DEFAULT 0;

-- Nothing in it ever changes. `on_hand` to `low_at` are the level as it was afterwards; `body` says what happened, by whom and why.
CREATE TABLE {schema}.stock_records (
    product_id text   COLLATE "C" NOT NULL,
    location   text   COLLATE "C" NOT NULL,
    sequence   bigint NOT NULL,
    at         bigint NOT NULL,
    on_hand    bigint NOT NULL,
    reserved   bigint NOT NULL,
    sold       bigint NOT NULL,
    low_at     bigint,
    name       text   COLLATE "C" NOT NULL,
    body       text   NOT NULL,
    PRIMARY KEY (product_id, location, sequence)
);

CREATE INDEX stock_records_by_time ON {schema}.stock_records (product_id, at, location, sequence);

CREATE TRIGGER stock_records_unchanged BEFORE UPDATE ON {schema}.stock_records
    FOR EACH ROW EXECUTE FUNCTION {schema}.forbidden('what happened never changes');
CREATE TRIGGER stock_records_kept BEFORE DELETE ON {schema}.stock_records
    FOR EACH ROW EXECUTE FUNCTION {schema}.forbidden('what happened is never forgotten');
CREATE TRIGGER stock_records_not_emptied BEFORE TRUNCATE ON {schema}.stock_records
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.forbidden('what happened is never forgotten');

-- One row for each level with undelivered records: those from `head` to `last`.
CREATE TABLE {schema}.stock_outbox (
    product_id text    COLLATE "C" NOT NULL,
    location   text    COLLATE "C" NOT NULL,
    head       bigint  NOT NULL CONSTRAINT stock_outbox_head CHECK (head >= 1),
    last       bigint  NOT NULL,
    -- When the head happened.
    at         bigint  NOT NULL,
    -- Claimed, or waiting to be tried again, until then.
    busy_until bigint,
    -- How often the delivery of the head failed.
    attempts   integer NOT NULL DEFAULT 0 CONSTRAINT stock_outbox_attempts CHECK (attempts >= 0),
    PRIMARY KEY (product_id, location),
    CONSTRAINT stock_outbox_last CHECK (last >= head)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

CREATE INDEX stock_outbox_free ON {schema}.stock_outbox (at, product_id, location) WHERE busy_until IS NULL;
CREATE INDEX stock_outbox_busy ON {schema}.stock_outbox (busy_until) WHERE busy_until IS NOT NULL;
CREATE INDEX stock_outbox_failing ON {schema}.stock_outbox (at, product_id, location) WHERE attempts > 0;

-- A record gets its place from the level, whose row is locked by that, and waits in the outbox.
CREATE FUNCTION {schema}.stock_record_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE {schema}.stock AS s SET records = s.records + 1
    WHERE s.product_id = NEW.product_id AND s.location = NEW.location
    RETURNING s.records INTO NEW.sequence;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such stock level'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'stock_records_level';
    END IF;
    INSERT INTO {schema}.stock_outbox (product_id, location, head, last, at)
    VALUES (NEW.product_id, NEW.location, NEW.sequence, NEW.sequence, NEW.at)
    ON CONFLICT (product_id, location) DO UPDATE SET last = excluded.last;
    RETURN NEW;
END $$;

CREATE TRIGGER stock_record_added BEFORE INSERT ON {schema}.stock_records
    FOR EACH ROW EXECUTE FUNCTION {schema}.stock_record_added();

-- What is available crosses nothing, or the threshold: told whoever changes the level. While nothing is crossed this costs a
-- comparison; no function is called.
CREATE FUNCTION {schema}.stock_crossed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    alert CONSTANT text := CASE
        WHEN NEW.on_hand = NEW.reserved THEN 'out_of_stock'
        WHEN OLD.on_hand = OLD.reserved THEN 'back_in_stock'
        WHEN NEW.on_hand - NEW.reserved <= NEW.low_at THEN 'low_stock'
        ELSE 'replenished'
    END;
BEGIN
    INSERT INTO {schema}.stock_records (product_id, location, at, on_hand, reserved, sold, low_at, name, body)
    VALUES (NEW.product_id, NEW.location, NEW.changed_at, NEW.on_hand, NEW.reserved, NEW.sold, NEW.low_at,
        'inventory.' || alert, '{"event":{"event":"alert","alert":"' || alert || '"}}');
    RETURN NULL;
END $$;

CREATE TRIGGER stock_crossed AFTER UPDATE OF on_hand, reserved, low_at ON {schema}.stock
    FOR EACH ROW WHEN (
        (OLD.on_hand > OLD.reserved) <> (NEW.on_hand > NEW.reserved)
        OR NEW.on_hand > NEW.reserved
            AND ((OLD.on_hand - OLD.reserved <= OLD.low_at) IS TRUE)
                <> ((NEW.on_hand - NEW.reserved <= NEW.low_at) IS TRUE))
    EXECUTE FUNCTION {schema}.stock_crossed();

-- Moves the head of a level's waiting records behind `delivered`.
CREATE FUNCTION {schema}.deliver_stock(product text, place text, delivered bigint, behind bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM {schema}.stock_outbox AS o
    WHERE o.product_id = product AND o.location = place AND o.last <= delivered;
    IF NOT FOUND THEN
        UPDATE {schema}.stock_outbox AS o SET head = r.sequence, at = r.at, busy_until = NULL, attempts = 0
        FROM {schema}.stock_records AS r
        WHERE o.product_id = product AND o.location = place AND o.head <= delivered
            AND r.product_id = product AND r.location = place AND r.sequence = behind;
    END IF;
END $$;

-- As in 0002, with entries of journals, thresholds, and when the levels changed (`stock_changed`: the latest of the write-sets).
-- A level that has an entry or gets a threshold is changed by one of the write-sets only.
DROP FUNCTION {schema}.apply_write_sets;

CREATE FUNCTION {schema}.apply_write_sets(
    set_id uuid[], set_at bigint[], expected bigint[],
    request_new boolean[], request_scope text[], request_key text[], request_fingerprint text[],
    request_subject uuid[], request_answered bigint[], request_created bigint[],
    lock_cart uuid[], read_cart uuid[], read_cart_version bigint[], removed_cart uuid[], removed_cart_version bigint[],
    cart_expected bigint[], cart_id uuid[], cart_owner text[], cart_status text[], cart_version bigint[],
    cart_expires bigint[], cart_body text[],
    lock_order uuid[], read_order uuid[], read_order_version bigint[],
    order_expected bigint[], order_id uuid[], order_number text[], order_customer text[], order_cart uuid[],
    order_status text[], order_version bigint[], order_currency text[], order_total bigint[], order_created bigint[],
    order_due bigint[], order_sellers text[], order_search text[], order_body text[],
    payment_id uuid[], payment_order uuid[], payment_provider text[], payment_reference text[],
    payment_captured bigint[], payment_refunded bigint[], payment_refunding bigint[],
    event_order uuid[], event_sequence bigint[], event_at bigint[], event_name text[], event_body text[],
    hold_new boolean[], hold_id uuid[], hold_order uuid[], hold_status text[], hold_expires bigint[],
    hold_products text[], hold_body text[],
    shelf_product text[], shelf_location text[],
    stock_product text[], stock_location text[], stock_on_hand bigint[], stock_reserved bigint[], stock_sold bigint[],
    stock_if_on_hand bigint[], stock_least_available bigint[], stock_least_reserved bigint[],
    stock_least_sold bigint[], stock_most_sold bigint[], stock_most_on_hand bigint[],
    stock_sets_low_at boolean[], stock_low_at bigint[], stock_changed bigint,
    entry_product text[], entry_location text[], entry_at bigint[], entry_name text[], entry_body text[]
) RETURNS boolean LANGUAGE plpgsql
    SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off
    SET enable_hashjoin = off
    SET enable_mergejoin = off
    SET enable_bitmapscan = off
    SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    -- What a list of ids or names in one text is separated by.
    separator CONSTANT text := E'\x1f';
    rows bigint;
BEGIN
    INSERT INTO {schema}.write_sets (id, at) SELECT * FROM unnest(set_id, set_at) ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS rows = ROW_COUNT;
    IF rows = 0 AND cardinality(set_id) = 1 THEN
        RETURN false;
    END IF;
    IF rows <> cardinality(set_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'a write-set was applied before';
    END IF;

    IF expected[10] > 0 THEN
        INSERT INTO {schema}.idempotency (scope, key, fingerprint, subject, answered_version, created_at)
        SELECT r.scope, r.key, r.fingerprint, r.subject, r.answered, r.created
        FROM unnest(request_new, request_scope, request_key, request_fingerprint, request_subject, request_answered,
            request_created) AS r (is_new, scope, key, fingerprint, subject, answered, created)
        WHERE r.is_new;
    END IF;
    IF expected[9] > 0 THEN
        UPDATE {schema}.idempotency AS i SET fingerprint = r.fingerprint, subject = r.subject,
            answered_version = r.answered, created_at = r.created
        FROM unnest(request_new, request_scope, request_key, request_fingerprint, request_subject, request_answered,
            request_created) AS r (is_new, scope, key, fingerprint, subject, answered, created)
        WHERE NOT r.is_new AND i.scope = r.scope AND i.key = r.key AND i.answered_version IS NULL;
        GET DIAGNOSTICS rows = ROW_COUNT;
        IF rows <> expected[9] THEN
            RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'a request was answered before';
        END IF;
    END IF;

    IF cardinality(lock_cart) > 0 THEN
        PERFORM FROM {schema}.carts AS c WHERE c.id = ANY (lock_cart) ORDER BY c.id FOR NO KEY UPDATE;
    END IF;
    IF cardinality(lock_order) > 0 THEN
        PERFORM FROM {schema}.orders AS o WHERE o.id = ANY (lock_order) ORDER BY o.id FOR NO KEY UPDATE;
    END IF;
    IF cardinality(read_cart) > 0 THEN
        IF EXISTS (
            SELECT FROM unnest(read_cart, read_cart_version) AS r (id, version)
            LEFT JOIN {schema}.carts AS c ON c.id = r.id WHERE coalesce(c.version, 0) <> r.version
        ) THEN
            RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'a cart has changed';
        END IF;
    END IF;
    IF cardinality(read_order) > 0 THEN
        IF EXISTS (
            SELECT FROM unnest(read_order, read_order_version) AS r (id, version)
            LEFT JOIN {schema}.orders AS o ON o.id = r.id WHERE coalesce(o.version, 0) <> r.version
        ) THEN
            RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'an order has changed';
        END IF;
    END IF;

    -- Carts that free their owner come first, so that another one may take them in the same commit.
    IF expected[1] > 0 THEN
        DELETE FROM {schema}.carts AS c USING unnest(removed_cart, removed_cart_version) AS r (id, version)
        WHERE c.id = r.id AND c.version = r.version;
        GET DIAGNOSTICS rows = ROW_COUNT;
        IF rows <> expected[1] THEN
            RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'a cart that is removed has changed';
        END IF;
    END IF;
    IF expected[2] > 0 THEN
        UPDATE {schema}.carts AS c SET owner_key = n.owner, status = n.status, version = n.version,
            expires_at = n.expires, body = n.body
        FROM unnest(cart_expected, cart_id, cart_owner, cart_status, cart_version, cart_expires, cart_body)
            AS n (expected, id, owner, status, version, expires, body)
        WHERE n.status <> 'open' AND n.expected > 0 AND c.id = n.id AND c.version = n.expected;
        GET DIAGNOSTICS rows = ROW_COUNT;
        IF rows <> expected[2] THEN
            RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'a cart has changed';
        END IF;
    END IF;
    IF expected[3] > 0 THEN
        UPDATE {schema}.carts AS c SET owner_key = n.owner, status = n.status, version = n.version,
            expires_at = n.expires, body = n.body
        FROM unnest(cart_expected, cart_id, cart_owner, cart_status, cart_version, cart_expires, cart_body)
            AS n (expected, id, owner, status, version, expires, body)
        WHERE n.status = 'open' AND n.expected > 0 AND c.id = n.id AND c.version = n.expected;
        GET DIAGNOSTICS rows = ROW_COUNT;
        IF rows <> expected[3] THEN
            RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'a cart has changed';
        END IF;
    END IF;
    IF expected[4] > 0 THEN
        INSERT INTO {schema}.carts (id, owner_key, status, version, expires_at, body)
        SELECT n.id, n.owner, n.status, n.version, n.expires, n.body
        FROM unnest(cart_expected, cart_id, cart_owner, cart_status, cart_version, cart_expires, cart_body)
            AS n (expected, id, owner, status, version, expires, body)
        WHERE n.expected = 0;
    END IF;

    IF expected[5] > 0 THEN
        UPDATE {schema}.orders AS o SET number = n.number, customer_id = n.customer, cart_id = n.cart,
            status = n.status, version = n.version, currency = n.currency, total_minor = n.total,
            created_at = n.created, due_at = n.due, sellers = string_to_array(n.sellers, separator),
            search = n.search, body = n.body
        FROM unnest(order_expected, order_id, order_number, order_customer, order_cart, order_status, order_version,
            order_currency, order_total, order_created, order_due, order_sellers, order_search, order_body)
            AS n (expected, id, number, customer, cart, status, version, currency, total, created, due, sellers,
                search, body)
        WHERE n.expected > 0 AND o.id = n.id AND o.version = n.expected;
        GET DIAGNOSTICS rows = ROW_COUNT;
        IF rows <> expected[5] THEN
            RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'an order has changed';
        END IF;
    END IF;
    IF expected[6] > 0 THEN
        INSERT INTO {schema}.orders (id, number, customer_id, cart_id, status, version, currency, total_minor,
            created_at, due_at, sellers, search, body)
        SELECT n.id, n.number, n.customer, n.cart, n.status, n.version, n.currency, n.total, n.created, n.due,
            string_to_array(n.sellers, separator), n.search, n.body
        FROM unnest(order_expected, order_id, order_number, order_customer, order_cart, order_status, order_version,
            order_currency, order_total, order_created, order_due, order_sellers, order_search, order_body)
            AS n (expected, id, number, customer, cart, status, version, currency, total, created, due, sellers,
                search, body)
        WHERE n.expected = 0;
    END IF;

    IF cardinality(payment_id) > 0 THEN
        INSERT INTO {schema}.payments AS p (id, order_id, provider, provider_reference, captured_minor,
            refunded_minor, refunding_minor)
        SELECT * FROM unnest(payment_id, payment_order, payment_provider, payment_reference, payment_captured,
            payment_refunded, payment_refunding)
        ON CONFLICT (id) DO UPDATE SET order_id = excluded.order_id, provider = excluded.provider,
            provider_reference = excluded.provider_reference, captured_minor = excluded.captured_minor,
            refunded_minor = excluded.refunded_minor, refunding_minor = excluded.refunding_minor
        WHERE (p.order_id, p.provider, p.provider_reference, p.captured_minor, p.refunded_minor, p.refunding_minor)
            IS DISTINCT FROM (excluded.order_id, excluded.provider, excluded.provider_reference,
                excluded.captured_minor, excluded.refunded_minor, excluded.refunding_minor);
    END IF;

    -- They wait in the outbox by a trigger.
    IF cardinality(event_order) > 0 THEN
        INSERT INTO {schema}.events (order_id, sequence, at, name, body)
        SELECT e.order_id, e.sequence, e.at, e.name, e.body
        FROM unnest(event_order, event_sequence, event_at, event_name, event_body)
            AS e (order_id, sequence, at, name, body);
    END IF;

    -- A trigger refuses those that have ended. Were it a condition here, the index of the active ones would be walked.
    IF expected[7] > 0 THEN
        UPDATE {schema}.reservations AS r SET order_id = n.order_id, status = n.status, expires_at = n.expires,
            products = string_to_array(n.products, separator), body = n.body
        FROM unnest(hold_new, hold_id, hold_order, hold_status, hold_expires, hold_products, hold_body)
            AS n (is_new, id, order_id, status, expires, products, body)
        WHERE NOT n.is_new AND r.id = n.id;
        GET DIAGNOSTICS rows = ROW_COUNT;
        IF rows <> expected[7] THEN
            RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'there is no such reservation';
        END IF;
    END IF;
    IF expected[8] > 0 THEN
        INSERT INTO {schema}.reservations (id, order_id, status, expires_at, products, body)
        SELECT n.id, n.order_id, n.status, n.expires, string_to_array(n.products, separator), n.body
        FROM unnest(hold_new, hold_id, hold_order, hold_status, hold_expires, hold_products, hold_body)
            AS n (is_new, id, order_id, status, expires, products, body)
        WHERE n.is_new;
    END IF;

    -- Last, so that the rows that everybody wants are locked for the shortest time.
    IF cardinality(shelf_product) > 0 THEN
        INSERT INTO {schema}.stock (product_id, location, on_hand, reserved, sold)
        SELECT s.product, s.location, 0, 0, 0 FROM unnest(shelf_product, shelf_location) AS s (product, location)
        ON CONFLICT DO NOTHING;
    END IF;
    -- Before the levels change, so that they come before an alert; each with its level as it will be.
    IF cardinality(entry_product) > 0 THEN
        PERFORM FROM unnest(stock_product, stock_location) AS k (product, location)
        JOIN {schema}.stock AS s ON s.product_id = k.product AND s.location = k.location
        ORDER BY s.product_id, s.location FOR NO KEY UPDATE OF s;
        INSERT INTO {schema}.stock_records (product_id, location, at, on_hand, reserved, sold, low_at, name, body)
        SELECT s.product_id, s.location, e.at, s.on_hand + k.on_hand, s.reserved + k.reserved, s.sold + k.sold,
            CASE WHEN k.sets_low_at THEN k.low_at ELSE s.low_at END, e.name, e.body
        FROM unnest(entry_product, entry_location, entry_at, entry_name, entry_body) WITH ORDINALITY
            AS e (product, location, at, name, body, place)
        JOIN unnest(stock_product, stock_location, stock_on_hand, stock_reserved, stock_sold, stock_sets_low_at,
            stock_low_at) AS k (product, location, on_hand, reserved, sold, sets_low_at, low_at)
            ON k.product = e.product AND k.location = e.location
        JOIN {schema}.stock AS s ON s.product_id = e.product AND s.location = e.location
        ORDER BY e.place;
        GET DIAGNOSTICS rows = ROW_COUNT;
        IF rows <> cardinality(entry_product) THEN
            RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'there is no such stock level';
        END IF;
    END IF;
    IF cardinality(stock_product) > 0 THEN
        UPDATE {schema}.stock AS s SET on_hand = s.on_hand + k.on_hand, reserved = s.reserved + k.reserved,
            sold = s.sold + k.sold, low_at = CASE WHEN k.sets_low_at THEN k.low_at ELSE s.low_at END,
            changed_at = stock_changed
        FROM unnest(stock_product, stock_location, stock_on_hand, stock_reserved, stock_sold, stock_if_on_hand,
            stock_least_available, stock_least_reserved, stock_least_sold, stock_most_sold, stock_most_on_hand,
            stock_sets_low_at, stock_low_at)
            AS k (product, location, on_hand, reserved, sold, if_on_hand, least_available, least_reserved,
                least_sold, most_sold, most_on_hand, sets_low_at, low_at)
        WHERE s.product_id = k.product AND s.location = k.location
            AND k.least_available >= s.reserved - s.on_hand
            AND k.least_reserved >= -s.reserved
            AND k.least_sold >= -s.sold
            AND k.most_sold <= 9223372036854775807 - s.sold
            AND k.most_on_hand <= {max_units} - s.on_hand
            AND (k.if_on_hand IS NULL OR s.on_hand = k.if_on_hand);
        GET DIAGNOSTICS rows = ROW_COUNT;
        IF rows <> cardinality(stock_product) THEN
            RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'a stock level would not fit';
        END IF;
    END IF;
    RETURN true;
END $$;

-- An order's history is kept by chapters, and the order itself is written out now and then. The new columns are plain ones, so that no
-- table is written anew.

-- A row is a chapter: so many events of one commit, up to `sequence`; `name` is that of the first one.
ALTER TABLE {schema}.events ADD COLUMN count bigint NOT NULL DEFAULT 1;

-- The version that `body` has: what the events behind it tell is not in it. 0: it is `null`, and the events tell all.
-- NULL: it is that of the order, as everything was before.
ALTER TABLE {schema}.orders ADD COLUMN body_version bigint;

-- New events follow the last one of their order without a gap, and wait in the outbox.
CREATE OR REPLACE FUNCTION {schema}.events_added() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    first CONSTANT bigint := NEW.sequence - NEW.count + 1;
BEGIN
    IF NEW.count < 1 OR (CASE first
        WHEN 1 THEN (SELECT o.id FROM {schema}.orders AS o WHERE o.id = NEW.order_id)
        ELSE (
            SELECT e.order_id FROM {schema}.events AS e
            WHERE e.order_id = NEW.order_id AND e.sequence = first - 1)
    END) IS NULL OR EXISTS (
        SELECT FROM {schema}.events AS e
        WHERE e.order_id = NEW.order_id AND e.sequence > NEW.sequence AND e.sequence - e.count < NEW.sequence
    ) THEN
        RAISE EXCEPTION 'the history of an order has no gaps'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'events_without_gap';
    END IF;
    INSERT INTO {schema}.outbox AS waiting (order_id, head, last, at)
    VALUES (NEW.order_id, first, NEW.sequence, NEW.at)
    ON CONFLICT (order_id) DO UPDATE SET last = greatest(waiting.last, excluded.last);
    RETURN NULL;
END $$;

-- Moves the head of an order's waiting events behind `delivered`.
CREATE OR REPLACE FUNCTION {schema}.deliver(delivered_order uuid, delivered bigint, behind bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM {schema}.outbox AS o WHERE o.order_id = delivered_order AND o.last <= delivered;
    IF NOT FOUND THEN
        UPDATE {schema}.outbox AS o SET head = behind, busy_until = NULL, attempts = 0, at = (
            SELECT e.at FROM {schema}.events AS e
            WHERE e.order_id = delivered_order AND e.sequence >= behind ORDER BY e.sequence LIMIT 1)
        WHERE o.order_id = delivered_order AND o.head <= delivered;
    END IF;
END $$;

-- As in 0007, with chapters.
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
    seller_id text[], seller_order uuid[],
    payment_new boolean[], payment_id uuid[], payment_order uuid[], payment_provider text[], payment_reference text[],
    payment_captured bigint[], payment_refunded bigint[], payment_refunding bigint[],
    event_order uuid[], event_sequence bigint[], event_count bigint[], event_at bigint[], event_name text[], event_body text[],
    history_order uuid[], history_first bigint[], history_last bigint[], history_at bigint[],
    known_order uuid[], known_sequence bigint[],
    hold_new boolean[], hold_id uuid[], hold_order uuid[], hold_status text[], hold_expires bigint[],
    hold_products text[], hold_body text[],
    shelf_product text[], shelf_location text[],
    stock_product text[], stock_location text[], stock_on_hand bigint[], stock_reserved bigint[], stock_sold bigint[],
    stock_if_on_hand bigint[], stock_least_available bigint[], stock_least_reserved bigint[],
    stock_least_sold bigint[], stock_most_sold bigint[], stock_most_on_hand bigint[],
    stock_sets_low_at boolean[], stock_low_at bigint[], stock_changed bigint,
    entry_product text[], entry_location text[], entry_at bigint[], entry_name text[], entry_body text[]
) RETURNS void LANGUAGE plpgsql
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
    PERFORM set_config('order_engine.applies', 'on', true);
    -- One that was applied before breaks the key, as does whatever else must be new.
    INSERT INTO {schema}.write_sets (id, at) SELECT * FROM unnest(set_id, set_at);

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
            search = n.search, body = coalesce(n.body, o.body),
            body_version = CASE WHEN n.body IS NULL THEN coalesce(o.body_version, o.version) ELSE n.version END
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
            created_at, due_at, sellers, search, body, body_version)
        SELECT n.id, n.number, n.customer, n.cart, n.status, n.version, n.currency, n.total, n.created, n.due,
            string_to_array(n.sellers, separator), n.search, coalesce(n.body, 'null'),
            CASE WHEN n.body IS NULL THEN 0 ELSE n.version END
        FROM unnest(order_expected, order_id, order_number, order_customer, order_cart, order_status, order_version,
            order_currency, order_total, order_created, order_due, order_sellers, order_search, order_body)
            AS n (expected, id, number, customer, cart, status, version, currency, total, created, due, sellers,
                search, body)
        WHERE n.expected = 0;
        INSERT INTO {schema}.order_sellers (seller_id, order_id)
        SELECT * FROM unnest(seller_id, seller_order);
    END IF;

    IF expected[12] > 0 THEN
        INSERT INTO {schema}.payments (id, order_id, provider, provider_reference, captured_minor, refunded_minor,
            refunding_minor)
        SELECT p.id, p.order_id, p.provider, p.reference, p.captured, p.refunded, p.refunding
        FROM unnest(payment_new, payment_id, payment_order, payment_provider, payment_reference, payment_captured,
            payment_refunded, payment_refunding)
            AS p (is_new, id, order_id, provider, reference, captured, refunded, refunding)
        WHERE p.is_new;
    END IF;
    IF expected[11] > 0 THEN
        INSERT INTO {schema}.payments AS p (id, order_id, provider, provider_reference, captured_minor,
            refunded_minor, refunding_minor)
        SELECT n.id, n.order_id, n.provider, n.reference, n.captured, n.refunded, n.refunding
        FROM unnest(payment_new, payment_id, payment_order, payment_provider, payment_reference, payment_captured,
            payment_refunded, payment_refunding)
            AS n (is_new, id, order_id, provider, reference, captured, refunded, refunding)
        WHERE NOT n.is_new
        ON CONFLICT (id) DO UPDATE SET order_id = excluded.order_id, provider = excluded.provider,
            provider_reference = excluded.provider_reference, captured_minor = excluded.captured_minor,
            refunded_minor = excluded.refunded_minor, refunding_minor = excluded.refunding_minor
        WHERE (p.order_id, p.provider, p.provider_reference, p.captured_minor, p.refunded_minor, p.refunding_minor)
            IS DISTINCT FROM (excluded.order_id, excluded.provider, excluded.provider_reference,
                excluded.captured_minor, excluded.refunded_minor, excluded.refunding_minor);
    END IF;

    -- The last event that is there must be the one before the first one here; before the first of all (0), the order is there. It is
    -- asked for by scalar subqueries: others might be answered by reading a whole table.
    IF cardinality(known_order) > 0 THEN
        IF EXISTS (
            SELECT FROM unnest(known_order, known_sequence) AS k (id, sequence)
            WHERE coalesce(
                (SELECT e.sequence FROM {schema}.events AS e WHERE e.order_id = k.id ORDER BY e.sequence DESC LIMIT 1),
                (SELECT 0 FROM {schema}.orders AS o WHERE o.id = k.id)
            ) IS DISTINCT FROM k.sequence
        ) THEN
            RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'the history of an order has no gaps';
        END IF;
    END IF;
    IF cardinality(event_order) > 0 THEN
        INSERT INTO {schema}.events (order_id, sequence, count, at, name, body)
        SELECT * FROM unnest(event_order, event_sequence, event_count, event_at, event_name, event_body);
        INSERT INTO {schema}.outbox (order_id, head, last, at)
        SELECT h.order_id, h.first, h.last, h.at
        FROM unnest(history_order, history_first, history_last, history_at) AS h (order_id, first, last, at)
        WHERE h.first = 1;
        IF cardinality(known_order) > 0 THEN
            INSERT INTO {schema}.outbox AS waiting (order_id, head, last, at)
            SELECT h.order_id, h.first, h.last, h.at
            FROM unnest(history_order, history_first, history_last, history_at) AS h (order_id, first, last, at)
            WHERE h.first > 1
            ON CONFLICT (order_id) DO UPDATE SET last = excluded.last;
        END IF;
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
    PERFORM set_config('order_engine.applies', 'off', true);
END $$;

-- As in 0005, with a chapter.
DROP FUNCTION {schema}.apply_write_set;

CREATE FUNCTION {schema}.apply_write_set(
    set_id uuid, set_at bigint,
    request_new boolean, request_scope text, request_key text, request_fingerprint text, request_subject uuid,
    request_answered bigint, request_created bigint,
    cart_expected bigint, cart_id uuid, cart_owner text, cart_status text, cart_version bigint, cart_expires bigint,
    cart_body text,
    order_expected bigint, order_id uuid, order_number text, order_customer text, order_cart uuid, order_status text,
    order_version bigint, order_currency text, order_total bigint, order_created bigint, order_due bigint,
    order_sellers text, order_search text, order_body text,
    payment_id uuid, payment_provider text, payment_reference text, payment_captured bigint, payment_refunded bigint,
    payment_refunding bigint,
    first_event bigint, last_event bigint, event_at bigint, event_name text, event_body text,
    hold_new boolean, hold_id uuid, hold_order uuid, hold_status text, hold_expires bigint, hold_products text,
    hold_body text,
    stock_product text[], stock_location text[], stock_on_hand bigint[], stock_reserved bigint[], stock_sold bigint[],
    stock_if_on_hand bigint[]
) RETURNS void LANGUAGE plpgsql
    SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off
    SET enable_bitmapscan = off
AS $$
#variable_conflict use_variable
DECLARE
    separator CONSTANT text := E'\x1f';
BEGIN
    PERFORM set_config('order_engine.applies', 'on', true);
    INSERT INTO {schema}.write_sets (id, at) VALUES (set_id, set_at);

    IF request_new THEN
        INSERT INTO {schema}.idempotency (scope, key, fingerprint, subject, answered_version, created_at)
        VALUES (request_scope, request_key, request_fingerprint, request_subject, request_answered, request_created);
    ELSIF NOT request_new THEN
        UPDATE {schema}.idempotency AS i SET fingerprint = request_fingerprint, subject = request_subject,
            answered_version = request_answered, created_at = request_created
        WHERE i.scope = request_scope AND i.key = request_key AND i.answered_version IS NULL;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'a request was answered before';
        END IF;
    END IF;

    IF cart_expected > 0 THEN
        UPDATE {schema}.carts AS c SET owner_key = cart_owner, status = cart_status, version = cart_version,
            expires_at = cart_expires, body = cart_body
        WHERE c.id = cart_id AND c.version = cart_expected;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'a cart has changed';
        END IF;
    ELSIF cart_expected = 0 THEN
        INSERT INTO {schema}.carts (id, owner_key, status, version, expires_at, body)
        VALUES (cart_id, cart_owner, cart_status, cart_version, cart_expires, cart_body);
    END IF;

    IF order_expected > 0 THEN
        UPDATE {schema}.orders AS o SET number = order_number, customer_id = order_customer, cart_id = order_cart,
            status = order_status, version = order_version, currency = order_currency, total_minor = order_total,
            created_at = order_created, due_at = order_due, sellers = string_to_array(order_sellers, separator),
            search = order_search, body = coalesce(order_body, o.body),
            body_version = CASE WHEN order_body IS NULL THEN coalesce(o.body_version, o.version) ELSE order_version END
        WHERE o.id = order_id AND o.version = order_expected;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'an order has changed';
        END IF;
    ELSIF order_expected = 0 THEN
        INSERT INTO {schema}.orders (id, number, customer_id, cart_id, status, version, currency, total_minor,
            created_at, due_at, sellers, search, body, body_version)
        VALUES (order_id, order_number, order_customer, order_cart, order_status, order_version, order_currency,
            order_total, order_created, order_due, string_to_array(order_sellers, separator),
            order_search, coalesce(order_body, 'null'), CASE WHEN order_body IS NULL THEN 0 ELSE order_version END);
        INSERT INTO {schema}.order_sellers (seller_id, order_id)
        SELECT unnest(string_to_array(order_sellers, separator)), order_id ON CONFLICT DO NOTHING;
    END IF;
    IF payment_id IS NOT NULL AND order_expected = 0 THEN
        INSERT INTO {schema}.payments (id, order_id, provider, provider_reference, captured_minor, refunded_minor,
            refunding_minor)
        VALUES (payment_id, order_id, payment_provider, payment_reference, payment_captured, payment_refunded,
            payment_refunding);
    ELSIF payment_id IS NOT NULL THEN
        INSERT INTO {schema}.payments AS p (id, order_id, provider, provider_reference, captured_minor,
            refunded_minor, refunding_minor)
        VALUES (payment_id, order_id, payment_provider, payment_reference, payment_captured, payment_refunded,
            payment_refunding)
        ON CONFLICT (id) DO UPDATE SET order_id = excluded.order_id, provider = excluded.provider,
            provider_reference = excluded.provider_reference, captured_minor = excluded.captured_minor,
            refunded_minor = excluded.refunded_minor, refunding_minor = excluded.refunding_minor
        WHERE (p.order_id, p.provider, p.provider_reference, p.captured_minor, p.refunded_minor, p.refunding_minor)
            IS DISTINCT FROM (excluded.order_id, excluded.provider, excluded.provider_reference,
                excluded.captured_minor, excluded.refunded_minor, excluded.refunding_minor);
    END IF;

    IF first_event > 1 OR (first_event = 1 AND order_expected > 0) THEN
        IF first_event - 1 <> coalesce((
            SELECT e.sequence FROM {schema}.events AS e WHERE e.order_id = order_id ORDER BY e.sequence DESC LIMIT 1
        ), 0) THEN
            RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'the history of an order has no gaps';
        END IF;
    END IF;
    IF first_event IS NOT NULL THEN
        INSERT INTO {schema}.events (order_id, sequence, count, at, name, body)
        VALUES (order_id, last_event, last_event - first_event + 1, event_at, event_name, event_body);
    END IF;
    IF first_event = 1 THEN
        INSERT INTO {schema}.outbox (order_id, head, last, at)
        VALUES (order_id, 1, last_event, event_at);
    ELSIF first_event > 1 THEN
        INSERT INTO {schema}.outbox AS waiting (order_id, head, last, at)
        VALUES (order_id, first_event, last_event, event_at)
        ON CONFLICT ON CONSTRAINT outbox_pkey DO UPDATE SET last = excluded.last;
    END IF;

    IF hold_new THEN
        INSERT INTO {schema}.reservations (id, order_id, status, expires_at, products, body)
        VALUES (hold_id, hold_order, hold_status, hold_expires, string_to_array(hold_products, separator), hold_body);
    ELSIF NOT hold_new THEN
        UPDATE {schema}.reservations AS r SET order_id = hold_order, status = hold_status, expires_at = hold_expires,
            products = string_to_array(hold_products, separator), body = hold_body
        WHERE r.id = hold_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'there is no such reservation';
        END IF;
    END IF;

    FOR place IN 1 .. cardinality(stock_product) LOOP
        UPDATE {schema}.stock AS s SET on_hand = s.on_hand + stock_on_hand[place],
            reserved = s.reserved + stock_reserved[place], sold = s.sold + stock_sold[place], changed_at = set_at
        WHERE s.product_id = stock_product[place] AND s.location = stock_location[place]
            AND (stock_if_on_hand[place] IS NULL OR s.on_hand = stock_if_on_hand[place]);
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'a stock level would not fit';
        END IF;
    END LOOP;
    PERFORM set_config('order_engine.applies', 'off', true);
END $$;

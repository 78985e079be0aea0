-- Applies write-sets: all that it is given, or none. One statement, one transaction, one round trip.
--
-- Every guard is in the write. A guard that refuses raises OE001, or breaks a constraint; who called finds out which one it
-- was by looking. Whoever calls gives no two write-sets that touch the same row, stock excepted: changes of one stock level
-- come as their sum, with the bounds that hold whatever their order. Every array is sorted by its key, and every call
-- touches the tables in the same order, so that two calls never wait for each other in a circle.
--
-- `expected` counts rows: [1] carts removed, [2] carts that close, [3] carts changed that are open, [4] carts new,
-- [5] orders changed, [6] orders new, [7] reservations changed, [8] reservations new, [9] requests answered,
-- [10] requests new.
--
-- The plans are made once for each connection, and walk indexes whatever the tables hold at that time.
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
    stock_least_sold bigint[], stock_most_sold bigint[], stock_most_on_hand bigint[]
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
    IF cardinality(stock_product) > 0 THEN
        UPDATE {schema}.stock AS s SET on_hand = s.on_hand + k.on_hand, reserved = s.reserved + k.reserved,
            sold = s.sold + k.sold
        FROM unnest(stock_product, stock_location, stock_on_hand, stock_reserved, stock_sold, stock_if_on_hand,
            stock_least_available, stock_least_reserved, stock_least_sold, stock_most_sold, stock_most_on_hand)
            AS k (product, location, on_hand, reserved, sold, if_on_hand, least_available, least_reserved,
                least_sold, most_sold, most_on_hand)
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

-- Moves the head of an order's waiting events behind `delivered`.
CREATE FUNCTION {schema}.deliver(delivered_order uuid, delivered bigint, behind bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM {schema}.outbox AS o WHERE o.order_id = delivered_order AND o.last <= delivered;
    IF NOT FOUND THEN
        UPDATE {schema}.outbox AS o SET head = e.sequence, at = e.at, busy_until = NULL, attempts = 0
        FROM {schema}.events AS e
        WHERE o.order_id = delivered_order AND o.head <= delivered
            AND e.order_id = delivered_order AND e.sequence = behind;
    END IF;
END $$;

-- What the guards of write-sets ask for, in one snapshot. `kind`: 1 a write-set that was applied; 2 a request, `a` whether it
-- was answered; 3 an order, `a` its version; 4 the order with a number; 5 the order `other` of a cart; 6 a cart, `a` its version;
-- 7 the open cart of an owner; 8 an order's last event, `a`; 9 a reservation, `a` whether it is active; 10 a stock level.
CREATE FUNCTION {schema}.look(
    set_id uuid[], request_scope text[], request_key text[], order_id uuid[], order_number text[], order_cart uuid[],
    cart_id uuid[], cart_owner text[], event_order uuid[], hold_id uuid[], stock_product text[], stock_location text[]
) RETURNS TABLE (kind smallint, id uuid, other uuid, name text, place text, a bigint, b bigint, c bigint)
LANGUAGE plpgsql STABLE
    SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off
    SET enable_hashjoin = off
    SET enable_mergejoin = off
    SET enable_bitmapscan = off
    SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT 1::smallint, w.id, NULL::uuid, NULL::text, NULL::text, 0::bigint, 0::bigint, 0::bigint
    FROM {schema}.write_sets AS w WHERE w.id = ANY (set_id)
    UNION ALL
    SELECT 2::smallint, NULL, NULL, i.scope, i.key, (i.answered_version IS NOT NULL)::int::bigint, 0, 0
    FROM unnest(request_scope, request_key) AS r (scope, key)
    JOIN {schema}.idempotency AS i ON i.scope = r.scope AND i.key = r.key
    UNION ALL
    SELECT 3::smallint, o.id, NULL, NULL, NULL, o.version, 0, 0 FROM {schema}.orders AS o WHERE o.id = ANY (order_id)
    UNION ALL
    SELECT 4::smallint, o.id, NULL, o.number, NULL, 0, 0, 0
    FROM {schema}.orders AS o WHERE o.number = ANY (order_number)
    UNION ALL
    SELECT 5::smallint, o.cart_id, o.id, NULL, NULL, 0, 0, 0
    FROM {schema}.orders AS o WHERE o.cart_id = ANY (order_cart)
    UNION ALL
    SELECT 6::smallint, k.id, NULL, NULL, NULL, k.version, 0, 0 FROM {schema}.carts AS k WHERE k.id = ANY (cart_id)
    UNION ALL
    SELECT 7::smallint, k.id, NULL, k.owner_key, NULL, 0, 0, 0
    FROM {schema}.carts AS k WHERE k.owner_key = ANY (cart_owner) AND k.status = 'open'
    UNION ALL
    SELECT 8::smallint, w.id, NULL, NULL, NULL, e.sequence, 0, 0
    FROM unnest(event_order) AS w (id) CROSS JOIN LATERAL (
        SELECT l.sequence FROM {schema}.events AS l WHERE l.order_id = w.id ORDER BY l.sequence DESC LIMIT 1
    ) AS e
    UNION ALL
    SELECT 9::smallint, r.id, NULL, NULL, NULL, (r.status = 'active')::int::bigint, 0, 0
    FROM {schema}.reservations AS r WHERE r.id = ANY (hold_id)
    UNION ALL
    SELECT 10::smallint, NULL, NULL, s.product_id, s.location, s.on_hand, s.reserved, s.sold
    FROM unnest(stock_product, stock_location) AS k (product, location)
    JOIN {schema}.stock AS s ON s.product_id = k.product AND s.location = k.location;
END $$;

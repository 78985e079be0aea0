-- The functions that a commit calls. They are the last migration, and stand here whole: when one of them changes, the migration gets
-- the next number.

DROP FUNCTION IF EXISTS {schema}.apply_write_sets;
DROP FUNCTION IF EXISTS {schema}.apply_write_set;
DROP FUNCTION IF EXISTS {schema}.put_cart;
DROP FUNCTION IF EXISTS {schema}.look;

-- Applies write-sets, no two of which touch the same row. A list without rows is NULL. The lists are read row by row as they are: in
-- `FROM`, each would be written to a table of its own first. No statement walks through a table, however few rows the server believes
-- it has. Of each kind of rows it is told how many there are; none is NULL.
CREATE FUNCTION {schema}.apply_write_sets(
    set_id uuid[], set_at bigint[],
    answered_requests bigint, new_requests bigint, changed_carts bigint, new_carts bigint, changed_orders bigint,
    new_orders bigint, known_payments bigint, new_payments bigint, changed_holds bigint, new_holds bigint,
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
    event_write_set uuid[],
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
    -- One that was applied before breaks this key or that of its chapter, as does whatever else must be new.
    IF set_id IS NOT NULL THEN
        INSERT INTO {schema}.write_sets (id, at) SELECT unnest(set_id), unnest(set_at);
    END IF;

    IF request_key IS NOT NULL THEN
        IF new_requests IS NOT NULL THEN
            INSERT INTO {schema}.idempotency (scope, key, fingerprint, subject, answered_version, created_at)
            SELECT r.scope, r.key, r.fingerprint, r.subject, r.answered, r.created
            FROM (SELECT unnest(request_new) AS is_new, unnest(request_scope) AS scope, unnest(request_key) AS key,
                unnest(request_fingerprint) AS fingerprint, unnest(request_subject) AS subject,
                unnest(request_answered) AS answered, unnest(request_created) AS created) AS r
            WHERE r.is_new;
        END IF;
        IF answered_requests IS NOT NULL THEN
            UPDATE {schema}.idempotency AS i SET fingerprint = r.fingerprint, subject = r.subject,
                answered_version = r.answered, created_at = r.created
            FROM (SELECT unnest(request_new) AS is_new, unnest(request_scope) AS scope, unnest(request_key) AS key,
                unnest(request_fingerprint) AS fingerprint, unnest(request_subject) AS subject,
                unnest(request_answered) AS answered, unnest(request_created) AS created) AS r
            WHERE NOT r.is_new AND i.scope = r.scope AND i.key = r.key AND i.answered_version IS NULL;
            GET DIAGNOSTICS rows = ROW_COUNT;
            IF rows <> answered_requests THEN
                RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'a request was answered before';
            END IF;
        END IF;
    END IF;

    IF lock_cart IS NOT NULL THEN
        PERFORM FROM {schema}.carts AS c WHERE c.id = ANY (lock_cart) ORDER BY c.id FOR NO KEY UPDATE;
        IF read_cart IS NOT NULL THEN
            IF EXISTS (
                SELECT FROM (SELECT unnest(read_cart) AS id, unnest(read_cart_version) AS version) AS r
                LEFT JOIN {schema}.carts AS c ON c.id = r.id WHERE coalesce(c.version, 0) <> r.version
            ) THEN
                RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'a cart has changed';
            END IF;
        END IF;
        IF removed_cart IS NOT NULL THEN
            DELETE FROM {schema}.carts AS c
            USING (SELECT unnest(removed_cart) AS id, unnest(removed_cart_version) AS version) AS r
            WHERE c.id = r.id AND c.version = r.version;
            GET DIAGNOSTICS rows = ROW_COUNT;
            IF rows <> cardinality(removed_cart) THEN
                RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'a cart that is removed has changed';
            END IF;
        END IF;
    END IF;
    -- Carts that free their owner come first in the list, so that another one may take them in the same commit.
    IF changed_carts IS NOT NULL THEN
        UPDATE {schema}.carts AS c SET owner_key = n.owner, status = n.status, version = n.version,
            expires_at = n.expires, body = n.body
        FROM (SELECT unnest(cart_expected) AS expected, unnest(cart_id) AS id, unnest(cart_owner) AS owner,
            unnest(cart_status) AS status, unnest(cart_version) AS version, unnest(cart_expires) AS expires,
            unnest(cart_body) AS body) AS n
        WHERE n.expected > 0 AND c.id = n.id AND c.version = n.expected;
        GET DIAGNOSTICS rows = ROW_COUNT;
        IF rows <> changed_carts THEN
            RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'a cart has changed';
        END IF;
    END IF;
    IF new_carts IS NOT NULL THEN
        INSERT INTO {schema}.carts (id, owner_key, status, version, expires_at, body)
        SELECT n.id, n.owner, n.status, n.version, n.expires, n.body
        FROM (SELECT unnest(cart_expected) AS expected, unnest(cart_id) AS id, unnest(cart_owner) AS owner,
            unnest(cart_status) AS status, unnest(cart_version) AS version, unnest(cart_expires) AS expires,
            unnest(cart_body) AS body) AS n
        WHERE n.expected = 0;
    END IF;

    IF lock_order IS NOT NULL THEN
        PERFORM FROM {schema}.orders AS o WHERE o.id = ANY (lock_order) ORDER BY o.id FOR NO KEY UPDATE;
        IF EXISTS (
            SELECT FROM (SELECT unnest(read_order) AS id, unnest(read_order_version) AS version) AS r
            LEFT JOIN {schema}.orders AS o ON o.id = r.id WHERE coalesce(o.version, 0) <> r.version
        ) THEN
            RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'an order has changed';
        END IF;
    END IF;
    -- Payments are those of the orders.
    IF order_id IS NOT NULL THEN
        IF changed_orders IS NOT NULL THEN
            UPDATE {schema}.orders AS o SET number = n.number, customer_id = n.customer, cart_id = n.cart,
                status = n.status, version = n.version, currency = n.currency, total_minor = n.total,
                created_at = n.created, due_at = n.due, sellers = string_to_array(n.sellers, separator),
                search = n.search, body = coalesce(n.body, o.body),
                body_version = CASE WHEN n.body IS NULL THEN coalesce(o.body_version, o.version) ELSE n.version END
            FROM (SELECT unnest(order_expected) AS expected, unnest(order_id) AS id, unnest(order_number) AS number,
                unnest(order_customer) AS customer, unnest(order_cart) AS cart, unnest(order_status) AS status,
                unnest(order_version) AS version, unnest(order_currency) AS currency, unnest(order_total) AS total,
                unnest(order_created) AS created, unnest(order_due) AS due, unnest(order_sellers) AS sellers,
                unnest(order_search) AS search, unnest(order_body) AS body) AS n
            WHERE n.expected > 0 AND o.id = n.id AND o.version = n.expected;
            GET DIAGNOSTICS rows = ROW_COUNT;
            IF rows <> changed_orders THEN
                RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'an order has changed';
            END IF;
        END IF;
        IF new_orders IS NOT NULL THEN
            INSERT INTO {schema}.orders (id, number, customer_id, cart_id, status, version, currency, total_minor,
                created_at, due_at, sellers, search, body, body_version)
            SELECT n.id, n.number, n.customer, n.cart, n.status, n.version, n.currency, n.total, n.created, n.due,
                string_to_array(n.sellers, separator), n.search, coalesce(n.body, 'null'),
                CASE WHEN n.body IS NULL THEN 0 ELSE n.version END
            FROM (SELECT unnest(order_expected) AS expected, unnest(order_id) AS id, unnest(order_number) AS number,
                unnest(order_customer) AS customer, unnest(order_cart) AS cart, unnest(order_status) AS status,
                unnest(order_version) AS version, unnest(order_currency) AS currency, unnest(order_total) AS total,
                unnest(order_created) AS created, unnest(order_due) AS due, unnest(order_sellers) AS sellers,
                unnest(order_search) AS search, unnest(order_body) AS body) AS n
            WHERE n.expected = 0;
            INSERT INTO {schema}.order_sellers (seller_id, order_id)
            SELECT unnest(seller_id), unnest(seller_order);
        END IF;
        IF new_payments IS NOT NULL THEN
            INSERT INTO {schema}.payments (id, order_id, provider, provider_reference, captured_minor, refunded_minor,
                refunding_minor)
            SELECT p.id, p.order_id, p.provider, p.reference, p.captured, p.refunded, p.refunding
            FROM (SELECT unnest(payment_new) AS is_new, unnest(payment_id) AS id, unnest(payment_order) AS order_id,
                unnest(payment_provider) AS provider, unnest(payment_reference) AS reference,
                unnest(payment_captured) AS captured, unnest(payment_refunded) AS refunded,
                unnest(payment_refunding) AS refunding) AS p
            WHERE p.is_new;
        END IF;
        IF known_payments IS NOT NULL THEN
            INSERT INTO {schema}.payments AS p (id, order_id, provider, provider_reference, captured_minor,
                refunded_minor, refunding_minor)
            SELECT n.id, n.order_id, n.provider, n.reference, n.captured, n.refunded, n.refunding
            FROM (SELECT unnest(payment_new) AS is_new, unnest(payment_id) AS id, unnest(payment_order) AS order_id,
                unnest(payment_provider) AS provider, unnest(payment_reference) AS reference,
                unnest(payment_captured) AS captured, unnest(payment_refunded) AS refunded,
                unnest(payment_refunding) AS refunding) AS n
            WHERE NOT n.is_new
            ON CONFLICT (id) DO UPDATE SET order_id = excluded.order_id, provider = excluded.provider,
                provider_reference = excluded.provider_reference, captured_minor = excluded.captured_minor,
                refunded_minor = excluded.refunded_minor, refunding_minor = excluded.refunding_minor
            WHERE (p.order_id, p.provider, p.provider_reference, p.captured_minor, p.refunded_minor, p.refunding_minor)
                IS DISTINCT FROM (excluded.order_id, excluded.provider, excluded.provider_reference,
                    excluded.captured_minor, excluded.refunded_minor, excluded.refunding_minor);
        END IF;
    END IF;

    IF event_order IS NOT NULL THEN
        -- The last event that is there must be the one before the first one here; before the first of all (0), the order is there. It
        -- is asked for by scalar subqueries: others might be answered by reading a whole table.
        IF known_order IS NOT NULL THEN
            IF EXISTS (
                SELECT FROM (SELECT unnest(known_order) AS id, unnest(known_sequence) AS sequence) AS k
                WHERE coalesce(
                    (SELECT e.sequence FROM {schema}.events AS e WHERE e.order_id = k.id ORDER BY e.sequence DESC LIMIT 1),
                    (SELECT 0 FROM {schema}.orders AS o WHERE o.id = k.id)
                ) IS DISTINCT FROM k.sequence
            ) THEN
                RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'the history of an order has no gaps';
            END IF;
        END IF;
        INSERT INTO {schema}.events (order_id, sequence, count, at, name, body, write_set)
        SELECT unnest(event_order), unnest(event_sequence), unnest(event_count), unnest(event_at), unnest(event_name),
            unnest(event_body), unnest(event_write_set);
        INSERT INTO {schema}.outbox (order_id, head, last, at)
        SELECT h.order_id, h.first, h.last, h.at
        FROM (SELECT unnest(history_order) AS order_id, unnest(history_first) AS first, unnest(history_last) AS last,
            unnest(history_at) AS at) AS h
        WHERE h.first = 1;
        IF known_order IS NOT NULL THEN
            INSERT INTO {schema}.outbox AS waiting (order_id, head, last, at)
            SELECT h.order_id, h.first, h.last, h.at
            FROM (SELECT unnest(history_order) AS order_id, unnest(history_first) AS first, unnest(history_last) AS last,
                unnest(history_at) AS at) AS h
            WHERE h.first > 1
            ON CONFLICT (order_id) DO UPDATE SET last = excluded.last;
        END IF;
    END IF;

    IF hold_id IS NOT NULL THEN
        -- A trigger refuses those that have ended. Were it a condition here, the index of the active ones would be walked.
        IF changed_holds IS NOT NULL THEN
            UPDATE {schema}.reservations AS r SET order_id = n.order_id, status = n.status, expires_at = n.expires,
                products = string_to_array(n.products, separator), body = n.body
            FROM (SELECT unnest(hold_new) AS is_new, unnest(hold_id) AS id, unnest(hold_order) AS order_id,
                unnest(hold_status) AS status, unnest(hold_expires) AS expires, unnest(hold_products) AS products,
                unnest(hold_body) AS body) AS n
            WHERE NOT n.is_new AND r.id = n.id;
            GET DIAGNOSTICS rows = ROW_COUNT;
            IF rows <> changed_holds THEN
                RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'there is no such reservation';
            END IF;
        END IF;
        IF new_holds IS NOT NULL THEN
            INSERT INTO {schema}.reservations (id, order_id, status, expires_at, products, body)
            SELECT n.id, n.order_id, n.status, n.expires, string_to_array(n.products, separator), n.body
            FROM (SELECT unnest(hold_new) AS is_new, unnest(hold_id) AS id, unnest(hold_order) AS order_id,
                unnest(hold_status) AS status, unnest(hold_expires) AS expires, unnest(hold_products) AS products,
                unnest(hold_body) AS body) AS n
            WHERE n.is_new;
        END IF;
    END IF;

    -- Last, so that the rows that everybody wants are locked for the shortest time.
    IF stock_product IS NOT NULL THEN
        IF shelf_product IS NOT NULL THEN
            INSERT INTO {schema}.stock (product_id, location, on_hand, reserved, sold)
            SELECT unnest(shelf_product), unnest(shelf_location), 0, 0, 0
            ON CONFLICT DO NOTHING;
        END IF;
        -- Before the levels change, so that they come before an alert; each with its level as it will be.
        IF entry_product IS NOT NULL THEN
            PERFORM FROM (SELECT unnest(stock_product) AS product, unnest(stock_location) AS location) AS k
            JOIN {schema}.stock AS s ON s.product_id = k.product AND s.location = k.location
            ORDER BY s.product_id, s.location FOR NO KEY UPDATE OF s;
            INSERT INTO {schema}.stock_records (product_id, location, at, on_hand, reserved, sold, low_at, name, body)
            SELECT s.product_id, s.location, e.at, s.on_hand + k.on_hand, s.reserved + k.reserved, s.sold + k.sold,
                CASE WHEN k.sets_low_at THEN k.low_at ELSE s.low_at END, e.name, e.body
            FROM unnest(entry_product, entry_location, entry_at, entry_name, entry_body) WITH ORDINALITY
                AS e (product, location, at, name, body, place)
            JOIN (SELECT unnest(stock_product) AS product, unnest(stock_location) AS location, unnest(stock_on_hand) AS on_hand,
                unnest(stock_reserved) AS reserved, unnest(stock_sold) AS sold, unnest(stock_sets_low_at) AS sets_low_at,
                unnest(stock_low_at) AS low_at) AS k
                ON k.product = e.product AND k.location = e.location
            JOIN {schema}.stock AS s ON s.product_id = e.product AND s.location = e.location
            ORDER BY e.place;
            GET DIAGNOSTICS rows = ROW_COUNT;
            IF rows <> cardinality(entry_product) THEN
                RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'there is no such stock level';
            END IF;
        END IF;
        UPDATE {schema}.stock AS s SET on_hand = s.on_hand + k.on_hand, reserved = s.reserved + k.reserved,
            sold = s.sold + k.sold, low_at = CASE WHEN k.sets_low_at THEN k.low_at ELSE s.low_at END,
            steps = s.steps + CASE WHEN {schema}.crosses(
                s.on_hand - s.reserved, s.low_at, s.on_hand + k.on_hand - s.reserved - k.reserved,
                CASE WHEN k.sets_low_at THEN k.low_at ELSE s.low_at END) THEN 2 ELSE 1 END,
            changed_at = stock_changed
        FROM (SELECT unnest(stock_product) AS product, unnest(stock_location) AS location, unnest(stock_on_hand) AS on_hand,
            unnest(stock_reserved) AS reserved, unnest(stock_sold) AS sold, unnest(stock_if_on_hand) AS if_on_hand,
            unnest(stock_least_available) AS least_available, unnest(stock_least_reserved) AS least_reserved,
            unnest(stock_least_sold) AS least_sold, unnest(stock_most_sold) AS most_sold,
            unnest(stock_most_on_hand) AS most_on_hand, unnest(stock_sets_low_at) AS sets_low_at,
            unnest(stock_low_at) AS low_at) AS k
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
END $$;

-- Applies one write-set, which has at most one row of each kind, but for stock.
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
    SET enable_hashjoin = off
    SET enable_mergejoin = off
    SET enable_bitmapscan = off
AS $$
#variable_conflict use_variable
DECLARE
    separator CONSTANT text := E'\x1f';
    rows bigint;
BEGIN
    IF first_event IS NULL THEN
        INSERT INTO {schema}.write_sets (id, at) VALUES (set_id, set_at);
    END IF;

    IF request_key IS NOT NULL THEN
        IF request_new THEN
            INSERT INTO {schema}.idempotency (scope, key, fingerprint, subject, answered_version, created_at)
            VALUES (request_scope, request_key, request_fingerprint, request_subject, request_answered, request_created);
        ELSE
            UPDATE {schema}.idempotency AS i SET fingerprint = request_fingerprint, subject = request_subject,
                answered_version = request_answered, created_at = request_created
            WHERE i.scope = request_scope AND i.key = request_key AND i.answered_version IS NULL;
            IF NOT FOUND THEN
                RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'a request was answered before';
            END IF;
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

    -- The payment and the chapter are the order's.
    IF order_expected = 0 THEN
        INSERT INTO {schema}.orders (id, number, customer_id, cart_id, status, version, currency, total_minor,
            created_at, due_at, sellers, search, body, body_version)
        VALUES (order_id, order_number, order_customer, order_cart, order_status, order_version, order_currency,
            order_total, order_created, order_due, string_to_array(order_sellers, separator),
            order_search, coalesce(order_body, 'null'), CASE WHEN order_body IS NULL THEN 0 ELSE order_version END);
        INSERT INTO {schema}.order_sellers (seller_id, order_id)
        SELECT unnest(string_to_array(order_sellers, separator)), order_id;
        IF payment_id IS NOT NULL THEN
            INSERT INTO {schema}.payments (id, order_id, provider, provider_reference, captured_minor, refunded_minor,
                refunding_minor)
            VALUES (payment_id, order_id, payment_provider, payment_reference, payment_captured, payment_refunded,
                payment_refunding);
        END IF;
    ELSIF order_expected > 0 THEN
        UPDATE {schema}.orders AS o SET number = order_number, customer_id = order_customer, cart_id = order_cart,
            status = order_status, version = order_version, currency = order_currency, total_minor = order_total,
            created_at = order_created, due_at = order_due, sellers = string_to_array(order_sellers, separator),
            search = order_search, body = coalesce(order_body, o.body),
            body_version = CASE WHEN order_body IS NULL THEN coalesce(o.body_version, o.version) ELSE order_version END
        WHERE o.id = order_id AND o.version = order_expected;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'an order has changed';
        END IF;
        IF payment_id IS NOT NULL THEN
            INSERT INTO {schema}.payments AS p (id, order_id, provider, provider_reference, captured_minor,
                refunded_minor, refunding_minor)
            VALUES (payment_id, order_id, payment_provider, payment_reference, payment_captured, payment_refunded,
                payment_refunding)
            ON CONFLICT (id) DO UPDATE SET order_id = excluded.order_id, provider = excluded.provider,
                provider_reference = excluded.provider_reference, captured_minor = excluded.captured_minor,
                refunded_minor = excluded.refunded_minor, refunding_minor = excluded.refunding_minor
            WHERE (p.order_id, p.provider, p.provider_reference, p.captured_minor, p.refunded_minor,
                p.refunding_minor) IS DISTINCT FROM (excluded.order_id, excluded.provider,
                excluded.provider_reference, excluded.captured_minor, excluded.refunded_minor,
                excluded.refunding_minor);
        END IF;
    END IF;
    IF first_event IS NOT NULL THEN
        IF first_event > 1 OR order_expected > 0 THEN
            IF first_event - 1 <> coalesce((
                SELECT e.sequence FROM {schema}.events AS e WHERE e.order_id = order_id ORDER BY e.sequence DESC LIMIT 1
            ), 0) THEN
                RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'the history of an order has no gaps';
            END IF;
        END IF;
        INSERT INTO {schema}.events (order_id, sequence, count, at, name, body, write_set)
        VALUES (order_id, last_event, last_event - first_event + 1, event_at, event_name, event_body, set_id);
        IF first_event = 1 THEN
            INSERT INTO {schema}.outbox (order_id, head, last, at)
            VALUES (order_id, 1, last_event, event_at);
        ELSE
            INSERT INTO {schema}.outbox AS waiting (order_id, head, last, at)
            VALUES (order_id, first_event, last_event, event_at)
            ON CONFLICT ON CONSTRAINT outbox_pkey DO UPDATE SET last = excluded.last;
        END IF;
    END IF;

    IF hold_id IS NOT NULL THEN
        IF hold_new THEN
            INSERT INTO {schema}.reservations (id, order_id, status, expires_at, products, body)
            VALUES (hold_id, hold_order, hold_status, hold_expires, string_to_array(hold_products, separator), hold_body);
        ELSE
            UPDATE {schema}.reservations AS r SET order_id = hold_order, status = hold_status,
                expires_at = hold_expires, products = string_to_array(hold_products, separator), body = hold_body
            WHERE r.id = hold_id;
            IF NOT FOUND THEN
                RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'there is no such reservation';
            END IF;
        END IF;
    END IF;

    -- Row by row in the order that is given, which is that of the keys.
    IF stock_product IS NOT NULL THEN
        UPDATE {schema}.stock AS s SET on_hand = s.on_hand + k.on_hand, reserved = s.reserved + k.reserved,
            sold = s.sold + k.sold, changed_at = set_at,
            steps = s.steps + CASE WHEN {schema}.crosses(
                s.on_hand - s.reserved, s.low_at, s.on_hand + k.on_hand - s.reserved - k.reserved, s.low_at)
                THEN 2 ELSE 1 END
        FROM (SELECT unnest(stock_product) AS product, unnest(stock_location) AS location, unnest(stock_on_hand) AS on_hand,
            unnest(stock_reserved) AS reserved, unnest(stock_sold) AS sold, unnest(stock_if_on_hand) AS if_on_hand) AS k
        WHERE s.product_id = k.product AND s.location = k.location
            AND (k.if_on_hand IS NULL OR s.on_hand = k.if_on_hand);
        GET DIAGNOSTICS rows = ROW_COUNT;
        IF rows <> cardinality(stock_product) THEN
            RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'a stock level would not fit';
        END IF;
    END IF;
END $$;

-- Applies a write-set that only puts a cart.
CREATE FUNCTION {schema}.put_cart(
    set_id uuid, set_at bigint,
    cart_expected bigint, cart_id uuid, cart_owner text, cart_status text, cart_version bigint, cart_expires bigint,
    cart_body text
) RETURNS void LANGUAGE plpgsql
    SET enable_seqscan = off
AS $$
BEGIN
    INSERT INTO {schema}.write_sets (id, at) VALUES (set_id, set_at);
    IF cart_expected > 0 THEN
        UPDATE {schema}.carts AS c SET owner_key = cart_owner, status = cart_status, version = cart_version,
            expires_at = cart_expires, body = cart_body
        WHERE c.id = cart_id AND c.version = cart_expected;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'a cart has changed';
        END IF;
    ELSE
        INSERT INTO {schema}.carts (id, owner_key, status, version, expires_at, body)
        VALUES (cart_id, cart_owner, cart_status, cart_version, cart_expires, cart_body);
    END IF;
END $$;

-- What the guards of write-sets ask for, in one snapshot. `kind`: 1 a write-set that was applied; 2 a request, `a` whether it
-- was answered; 3 an order, `a` its version; 4 the order with a number; 5 the order `other` of a cart; 6 a cart, `a` its version;
-- 7 the open cart of an owner; 8 an order's last event, `a`; 9 a reservation, `a` whether it is active; 10 a stock level.
CREATE FUNCTION {schema}.look(
    set_id uuid[], chapter_order uuid[], chapter_last bigint[], request_scope text[], request_key text[],
    order_id uuid[], order_number text[], order_cart uuid[], cart_id uuid[], cart_owner text[], event_order uuid[],
    hold_id uuid[], stock_product text[], stock_location text[]
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
    SELECT 1::smallint, e.write_set, NULL, NULL, NULL, 0, 0, 0
    FROM unnest(chapter_order, chapter_last) AS c (order_id, last)
    JOIN {schema}.events AS e ON e.order_id = c.order_id AND e.sequence = c.last WHERE e.write_set IS NOT NULL
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

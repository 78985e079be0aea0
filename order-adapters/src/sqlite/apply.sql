-- How a write-set is applied: as one row that is put into a view. A trigger does all of it in the one statement that fired
-- it, or nothing: what breaks a constraint, or finds a guard broken, takes everything back. View and triggers belong to the
-- writing connection and are not in the file. What they have in common is in `apply_head.sql`.
--
-- A row has room for one cart, one order and one reservation; a write-set with more of a kind has more rows, and so has one with
-- what must be there or goes. Lists are JSON arrays, ids in them hexadecimal. What is not there is NULL.

CREATE TEMP VIEW apply AS SELECT
    NULL AS id, NULL AS at,
    -- `is_new` is 1 or 0.
    NULL AS request_is_new, NULL AS request_scope, NULL AS request_key, NULL AS request_fingerprint,
    NULL AS request_subject, NULL AS request_answered, NULL AS request_at,
    -- Lists of [id, version].
    NULL AS unchanged_carts, NULL AS unchanged_orders, NULL AS removed_carts,
    -- `expected` is the version that must be stored now; 0 when there must be none.
    NULL AS cart_expected, NULL AS cart_id, NULL AS cart_owner, NULL AS cart_status, NULL AS cart_version,
    NULL AS cart_expires, NULL AS cart_body,
    NULL AS order_expected, NULL AS order_id, NULL AS order_number, NULL AS order_customer, NULL AS order_cart,
    NULL AS order_status, NULL AS order_version, NULL AS order_currency, NULL AS order_total, NULL AS order_created,
    NULL AS order_due, NULL AS order_sellers, NULL AS order_search, NULL AS order_body,
    -- The order's: a list of [id, provider, reference, captured, refunded, refunding].
    NULL AS payments,
    -- A list of [order, sequence, count, at, name, body], the body as a text.
    NULL AS chapters,
    NULL AS hold_is_new, NULL AS hold_id, NULL AS hold_order, NULL AS hold_status, NULL AS hold_expires,
    NULL AS hold_products, NULL AS hold_body,
    -- Lists of [product, location]; of entries of journals, [product, location, place, on hand, reserved, sold, sets low at, low at,
    -- name, body], where place counts those of one level; and of [product, location, on hand, reserved, sold, if on hand, sets
    -- low at, low at].
    NULL AS shelves, NULL AS entries, NULL AS stock, NULL AS changed_at,
    -- That a level may hold.
    NULL AS most_units,
    -- A row of its own: what waits of an order in the outbox, up to this event, is delivered.
    NULL AS delivered_order, NULL AS delivered;

-- Most rows are a cart alone, and what is not run costs nothing.
CREATE TEMP TRIGGER apply_cart INSTEAD OF INSERT ON apply
WHEN coalesce(NEW.order_id, NEW.chapters, NEW.hold_id, NEW.stock, NEW.unchanged_carts, NEW.unchanged_orders,
    NEW.removed_carts, NEW.delivered_order) IS NULL BEGIN
{head}END;

CREATE TEMP TRIGGER apply_row INSTEAD OF INSERT ON apply
WHEN coalesce(NEW.order_id, NEW.chapters, NEW.hold_id, NEW.stock) IS NOT NULL BEGIN
{head}
    UPDATE orders SET number = NEW.order_number, customer_id = NEW.order_customer, cart_id = NEW.order_cart,
        currency = NEW.order_currency, created_at = NEW.order_created, sellers = NEW.order_sellers,
        search = NEW.order_search
    WHERE NEW.order_expected > 0 AND id = NEW.order_id AND version = NEW.order_expected
        AND (number, customer_id, cart_id, currency, created_at, sellers, search) IS NOT (NEW.order_number,
            NEW.order_customer, NEW.order_cart, NEW.order_currency, NEW.order_created, NEW.order_sellers,
            NEW.order_search);
    UPDATE orders SET status = NEW.order_status, version = NEW.order_version, total_minor = NEW.order_total,
        due_at = NEW.order_due, body = coalesce(NEW.order_body, body),
        body_version = iif(NEW.order_body IS NULL, coalesce(body_version, version), NEW.order_version)
    WHERE NEW.order_expected > 0 AND id = NEW.order_id AND version = NEW.order_expected;
    SELECT RAISE(ABORT, 'order') WHERE NEW.order_expected > 0 AND changes() <> 1;
    INSERT INTO orders (id, number, customer_id, cart_id, status, version, currency, total_minor, created_at, due_at,
        sellers, search, body, body_version)
    SELECT NEW.order_id, NEW.order_number, NEW.order_customer, NEW.order_cart, NEW.order_status, NEW.order_version,
        NEW.order_currency, NEW.order_total, NEW.order_created, NEW.order_due, NEW.order_sellers, NEW.order_search,
        coalesce(NEW.order_body, 'null'), iif(NEW.order_body IS NULL, 0, NEW.order_version)
    WHERE NEW.order_expected = 0;
    INSERT INTO payments (id, order_id, provider, provider_reference, captured_minor, refunded_minor, refunding_minor)
    SELECT unhex(value ->> 0), NEW.order_id, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
    FROM json_each(NEW.payments) WHERE true
    ON CONFLICT (id) DO UPDATE SET order_id = excluded.order_id, provider = excluded.provider,
        provider_reference = excluded.provider_reference, captured_minor = excluded.captured_minor,
        refunded_minor = excluded.refunded_minor, refunding_minor = excluded.refunding_minor;

    -- They wait in the outbox by a trigger of the schema. The limit keeps a chapter from being written out for each column.
    INSERT INTO events (order_id, sequence, count, at, name, body)
    SELECT unhex(chapter ->> 0), chapter ->> 1, chapter ->> 2, chapter ->> 3, chapter ->> 4, chapter ->> 5
    FROM (SELECT value AS chapter FROM json_each(NEW.chapters) LIMIT -1);

    UPDATE reservations SET order_id = NEW.hold_order, status = NEW.hold_status, expires_at = NEW.hold_expires,
        products = NEW.hold_products, body = NEW.hold_body
    WHERE NEW.hold_is_new = 0 AND id = NEW.hold_id AND status = 'active';
    SELECT RAISE(ABORT, 'reservation') WHERE NEW.hold_is_new = 0 AND changes() <> 1;
    INSERT INTO reservations (id, order_id, status, expires_at, products, body)
    SELECT NEW.hold_id, NEW.hold_order, NEW.hold_status, NEW.hold_expires, NEW.hold_products, NEW.hold_body
    WHERE NEW.hold_is_new = 1;

    -- Empty shelves for what may be put on new ones; then all levels, in the order of their keys. Sums that leave the range of
    -- an integer become real numbers, which no guard lets pass. Stock comes last: when it is short, all the rest has passed.
    INSERT INTO stock (product_id, location, on_hand, reserved, sold)
    SELECT value ->> 0, value ->> 1, 0, 0, 0 FROM json_each(NEW.shelves) WHERE true ON CONFLICT DO NOTHING;
    -- Entries come before the levels change, and so before an alert; each with its level as it will be.
    INSERT INTO stock_records (product_id, location, sequence, at, on_hand, reserved, sold, low_at, name, body)
    SELECT s.product_id, s.location, s.records + (e.value ->> 2), NEW.changed_at, s.on_hand + (e.value ->> 3),
        s.reserved + (e.value ->> 4), s.sold + (e.value ->> 5), iif(e.value ->> 6, e.value ->> 7, s.low_at),
        e.value ->> 8, e.value -> 9
    FROM json_each(NEW.entries) AS e CROSS JOIN stock AS s
        ON s.product_id = e.value ->> 0 AND s.location = e.value ->> 1
    ORDER BY e.key;
    SELECT RAISE(ABORT, 'short of stock') WHERE changes() <> json_array_length(NEW.entries);
    UPDATE stock SET on_hand = stock.on_hand + c.on_hand, reserved = stock.reserved + c.reserved,
        sold = stock.sold + c.sold, low_at = iif(c.sets_low_at, c.low_at, stock.low_at), changed_at = NEW.changed_at
    FROM (
        SELECT value ->> 0 AS product_id, value ->> 1 AS location, value ->> 2 AS on_hand, value ->> 3 AS reserved,
            value ->> 4 AS sold, value ->> 5 AS if_on_hand, value ->> 6 AS sets_low_at, value ->> 7 AS low_at
        FROM json_each(NEW.stock)
    ) AS c
    WHERE stock.product_id = c.product_id AND stock.location = c.location
        AND stock.reserved + c.reserved BETWEEN 0 AND stock.on_hand + c.on_hand
        AND stock.on_hand + c.on_hand <= NEW.most_units
        AND stock.sold + c.sold >= 0 AND typeof(stock.sold + c.sold) = 'integer'
        AND (c.if_on_hand IS NULL OR stock.on_hand = c.if_on_hand);
    SELECT RAISE(ABORT, 'short of stock') WHERE changes() <> json_array_length(NEW.stock);
END;

-- What must be there, and what goes: a row of its own, which comes before the others.
CREATE TEMP TRIGGER apply_before INSTEAD OF INSERT ON apply
WHEN coalesce(NEW.unchanged_carts, NEW.unchanged_orders, NEW.removed_carts) IS NOT NULL BEGIN
    SELECT RAISE(ABORT, 'cart') FROM json_each(NEW.unchanged_carts)
    WHERE coalesce((SELECT version FROM carts WHERE id = unhex(value ->> 0)), 0) <> value ->> 1;
    SELECT RAISE(ABORT, 'order') FROM json_each(NEW.unchanged_orders)
    WHERE coalesce((SELECT version FROM orders WHERE id = unhex(value ->> 0)), 0) <> value ->> 1;

    DELETE FROM carts WHERE (id, version) IN (SELECT unhex(value ->> 0), value ->> 1 FROM json_each(NEW.removed_carts));
    SELECT RAISE(ABORT, 'cart') WHERE changes() <> json_array_length(NEW.removed_carts);
END;

CREATE TEMP TRIGGER apply_delivery INSTEAD OF INSERT ON apply WHEN NEW.delivered_order IS NOT NULL BEGIN
    DELETE FROM outbox WHERE order_id = NEW.delivered_order AND last <= NEW.delivered;
    -- Some wait behind it, unless it was delivered before.
    UPDATE outbox SET head = NEW.delivered + 1, busy_until = NULL, attempts = 0, at = (
        SELECT at FROM events WHERE order_id = NEW.delivered_order AND sequence > NEW.delivered
        ORDER BY sequence LIMIT 1)
    WHERE order_id = NEW.delivered_order AND head <= NEW.delivered;
END;

-- What a lone commit costs: all its stock levels change by one statement, and a level's checks of single values, which each statement
-- parses anew, are domains. The table of the levels is written anew: it has one row for each product and location.

CREATE DOMAIN {schema}.units AS bigint CONSTRAINT stock_largest CHECK (VALUE <= {max_units});
CREATE DOMAIN {schema}.threshold AS bigint CONSTRAINT stock_threshold CHECK (VALUE BETWEEN 0 AND {max_units});

-- A column that a trigger looks at keeps its type.
DROP TRIGGER stock_crossed ON {schema}.stock;
ALTER TABLE {schema}.stock
    DROP CONSTRAINT stock_largest, ALTER COLUMN on_hand TYPE {schema}.units,
    DROP CONSTRAINT stock_threshold, ALTER COLUMN low_at TYPE {schema}.threshold,
    DROP CONSTRAINT stock_records_counted, ALTER COLUMN records TYPE {schema}.counter;
CREATE TRIGGER stock_crossed AFTER UPDATE OF on_hand, reserved, low_at ON {schema}.stock
    FOR EACH ROW WHEN (
        (OLD.on_hand > OLD.reserved) <> (NEW.on_hand > NEW.reserved)
        OR NEW.on_hand > NEW.reserved
            AND ((OLD.on_hand - OLD.reserved <= OLD.low_at) IS TRUE)
                <> ((NEW.on_hand - NEW.reserved <= NEW.low_at) IS TRUE))
    EXECUTE FUNCTION {schema}.stock_crossed();

-- As in 0008, but for the stock.
CREATE OR REPLACE FUNCTION {schema}.apply_write_set(
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
    rows bigint;
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

    -- Row by row in the order that is given, which is that of the keys.
    IF cardinality(stock_product) > 0 THEN
        UPDATE {schema}.stock AS s SET on_hand = s.on_hand + k.on_hand, reserved = s.reserved + k.reserved,
            sold = s.sold + k.sold, changed_at = set_at
        FROM unnest(stock_product, stock_location, stock_on_hand, stock_reserved, stock_sold, stock_if_on_hand)
            AS k (product, location, on_hand, reserved, sold, if_on_hand)
        WHERE s.product_id = k.product AND s.location = k.location
            AND (k.if_on_hand IS NULL OR s.on_hand = k.if_on_hand);
        GET DIAGNOSTICS rows = ROW_COUNT;
        IF rows <> cardinality(stock_product) THEN
            RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'a stock level would not fit';
        END IF;
    END IF;
    PERFORM set_config('order_engine.applies', 'off', true);
END $$;

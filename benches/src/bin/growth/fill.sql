-- Copies the orders that the engine has placed: the same shapes under new ids, older and older. `$1` and `$2` are the first and the
-- last copy. An id is made of a time and of a digest of the copy's number, as an id of version 7.
WITH copies AS MATERIALIZED (
    SELECT t.*, k.number AS copy,
        {schema}.copied_id(t.created_at - k.number, 'order' || k.number) AS new_id,
        {schema}.copied_id(t.created_at - k.number, 'hold' || k.number) AS new_hold,
        {schema}.copied_id(t.created_at - k.number, 'payment' || k.number) AS new_payment,
        {schema}.copied_id(t.created_at - k.number, 'set' || k.number) AS new_set,
        regexp_replace(lpad(upper(to_hex((k.number * 2654435761) % 1099511627776)), 10, '0'), '(.{5})(.{5})', '\1-\2')
            AS new_number
    FROM generate_series($1::bigint, $2::bigint) AS k (number)
    JOIN {schema}.templates AS t ON t.place = k.number % (SELECT count(*) FROM {schema}.templates)
), copied_orders AS (
    INSERT INTO {schema}.orders (id, number, customer_id, status, version, currency, total_minor, created_at, sellers, search, body,
        body_version)
    SELECT new_id::uuid, new_number, customer_id, status, version, currency, total_minor, created_at - copy, sellers,
        replace(search, lower(number), lower(new_number)),
        format(body, new_id, new_number, new_hold, new_payment), body_version
    FROM copies
), copied_sellers AS (
    INSERT INTO {schema}.order_sellers SELECT unnest(sellers), new_id::uuid FROM copies
), copied_payments AS (
    INSERT INTO {schema}.payments SELECT new_payment::uuid, new_id::uuid, 'simulated', NULL, 0, 0, 0 FROM copies
), copied_events AS (
    INSERT INTO {schema}.events (order_id, sequence, count, at, name, body, write_set)
    SELECT c.new_id::uuid, e.sequence, e.count, c.created_at - c.copy, e.name,
        format(e.body, c.new_id, c.new_number, c.new_hold, c.new_payment), c.new_set::uuid
    FROM copies AS c
    CROSS JOIN LATERAL unnest(c.event_sequences, c.event_counts, c.event_names, c.event_bodies)
        AS e (sequence, count, name, body)
)
INSERT INTO {schema}.reservations (id, order_id, status, expires_at, products, body)
SELECT new_hold::uuid, new_id::uuid, hold_status, created_at - copy, hold_products,
    format(hold_body, new_id, new_number, new_hold, new_payment)
FROM copies

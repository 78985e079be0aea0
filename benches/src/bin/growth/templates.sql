CREATE FUNCTION {schema}.copied_id(millis bigint, seed text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT substr(h.time, 1, 8) || '-' || substr(h.time, 9) || '-7' || substr(h.digest, 1, 3) || '-8'
        || substr(h.digest, 4, 3) || '-' || substr(h.digest, 7, 12)
    FROM (SELECT lpad(to_hex(millis), 12, '0') AS time, md5(seed) AS digest) AS h
$$;

-- What differs between two copies is a place for `format`.
CREATE FUNCTION {schema}.template(body text, id text, number text, hold text, payment text) RETURNS text LANGUAGE sql AS $$
    SELECT replace(replace(replace(replace(replace(body, '%', '%%'), id, '%1$s'), number, '%2$s'), hold, '%3$s'),
        payment, '%4$s')
$$;

CREATE TABLE {schema}.templates AS
SELECT row_number() OVER (ORDER BY o.id) - 1 AS place, o.number, o.customer_id, o.status, o.version, o.currency, o.total_minor,
    o.created_at, o.sellers, o.search, {schema}.template(o.body, o.id::text, o.number, r.id::text, p.id::text) AS body,
    o.body_version, e.sequences AS event_sequences, e.counts AS event_counts, e.names AS event_names, e.bodies AS event_bodies, r.status AS hold_status, r.products AS hold_products,
    {schema}.template(r.body, o.id::text, o.number, r.id::text, p.id::text) AS hold_body
FROM {schema}.orders AS o
JOIN {schema}.reservations AS r ON r.order_id = o.id
JOIN {schema}.payments AS p ON p.order_id = o.id
CROSS JOIN LATERAL (
    SELECT array_agg(e.sequence ORDER BY e.sequence) AS sequences, array_agg(e.count ORDER BY e.sequence) AS counts,
        array_agg(e.name ORDER BY e.sequence) AS names,
        array_agg({schema}.template(e.body, o.id::text, o.number, r.id::text, p.id::text) ORDER BY e.sequence) AS bodies
    FROM {schema}.events AS e WHERE e.order_id = o.id
) AS e;

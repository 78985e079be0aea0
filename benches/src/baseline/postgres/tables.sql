CREATE SCHEMA {schema};

CREATE TABLE {schema}.ticks (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, value bigint NOT NULL);

CREATE TABLE {schema}.stock (
    sku      text   NOT NULL PRIMARY KEY,
    on_hand  bigint NOT NULL,
    reserved bigint NOT NULL,
    sold     bigint NOT NULL DEFAULT 0,
    CHECK (reserved BETWEEN 0 AND on_hand)
) WITH (fillfactor = 50);

CREATE TABLE {schema}.orders (
    id          uuid   NOT NULL PRIMARY KEY,
    customer_id text   NOT NULL,
    status      text   NOT NULL,
    version     bigint NOT NULL,
    total_minor bigint NOT NULL
);
CREATE INDEX ON {schema}.orders (customer_id, id DESC);

CREATE TABLE {schema}.lines (
    order_id uuid   NOT NULL,
    sku      text   NOT NULL,
    quantity bigint NOT NULL,
    price    bigint NOT NULL,
    PRIMARY KEY (order_id, sku)
);

CREATE TABLE {schema}.outbox (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id uuid NOT NULL,
    kind     text NOT NULL,
    payload  text NOT NULL
);

-- One order; the lines are sorted by their products.
CREATE FUNCTION {schema}.place(
    placed uuid, customer text, total bigint, skus text[], quantities bigint[], prices bigint[], payload text
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR line IN 1 .. cardinality(skus) LOOP
        UPDATE {schema}.stock SET reserved = reserved + quantities[line]
        WHERE sku = skus[line] AND on_hand - reserved >= quantities[line];
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'out of stock';
        END IF;
    END LOOP;
    INSERT INTO {schema}.orders VALUES (placed, customer, 'pending', 1, total);
    INSERT INTO {schema}.lines SELECT placed, l.* FROM unnest(skus, quantities, prices) AS l;
    INSERT INTO {schema}.outbox (order_id, kind, payload) VALUES (placed, 'order.placed', payload);
END $$;

CREATE TABLE {schema}.carts (
    id          uuid    NOT NULL PRIMARY KEY,
    customer_id text    NOT NULL,
    version     bigint  NOT NULL,
    is_open     boolean NOT NULL,
    body        text    NOT NULL
);
CREATE UNIQUE INDEX ON {schema}.carts (customer_id) WHERE is_open;

-- An order made of a cart.
CREATE FUNCTION {schema}.place_cart(
    ordered uuid, seen bigint, placed uuid, customer text, total bigint, skus text[], quantities bigint[], prices bigint[],
    payload text
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE {schema}.carts SET is_open = false, version = version + 1 WHERE id = ordered AND is_open AND version = seen;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'the cart has changed';
    END IF;
    PERFORM {schema}.place(placed, customer, total, skus, quantities, prices, payload);
END $$;

-- An order's money has come: what was reserved for it is sold.
CREATE FUNCTION {schema}.pay(paid uuid, skus text[], quantities bigint[], payload text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE {schema}.orders SET status = 'paid', version = version + 1 WHERE id = paid AND status = 'pending';
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'OE001', MESSAGE = 'the order has changed';
    END IF;
    FOR line IN 1 .. cardinality(skus) LOOP
        UPDATE {schema}.stock SET on_hand = on_hand - quantities[line], reserved = reserved - quantities[line],
            sold = sold + quantities[line]
        WHERE sku = skus[line] AND reserved >= quantities[line];
    END LOOP;
    INSERT INTO {schema}.outbox (order_id, kind, payload) VALUES (paid, 'order.paid', payload);
END $$;

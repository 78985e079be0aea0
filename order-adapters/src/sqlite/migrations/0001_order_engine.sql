-- Instants are whole milliseconds since 1970 (UTC); amounts are whole minor units of the row's currency; ids are the
-- sixteen bytes of a UUID, whose order is the order in which they were made. `body` is the whole value as JSON; the other
-- columns are what guards and questions need of it.

CREATE TABLE orders (
    id          BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    number      TEXT    NOT NULL UNIQUE,
    customer_id TEXT    NOT NULL,
    cart_id     BLOB    UNIQUE CHECK (cart_id IS NULL OR length(cart_id) = 16),
    status      TEXT    NOT NULL CHECK (status IN
        ('pending', 'confirmed', 'paid', 'processing', 'shipped', 'delivered', 'cancelled', 'refunded')),
    version     INTEGER NOT NULL CHECK (version >= 0),
    currency    TEXT    NOT NULL CHECK (length(currency) = 3),
    total_minor INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    due_at      INTEGER,
    sellers     TEXT    NOT NULL CHECK (json_type(sellers) = 'array'),
    search      TEXT    NOT NULL,
    body        TEXT    NOT NULL CHECK (json_valid(body))
) STRICT;

CREATE INDEX orders_by_customer ON orders (customer_id, id);
CREATE INDEX orders_by_status ON orders (status, id);
CREATE INDEX orders_by_creation ON orders (created_at, id);
CREATE INDEX orders_due ON orders (due_at, id) WHERE due_at IS NOT NULL;

-- The sellers of an order, kept in step with `orders.sellers`.
CREATE TABLE order_sellers (
    seller_id TEXT NOT NULL,
    order_id  BLOB NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    PRIMARY KEY (seller_id, order_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX order_sellers_by_order ON order_sellers (order_id);

CREATE TRIGGER orders_sellers_added AFTER INSERT ON orders BEGIN
    INSERT INTO order_sellers (seller_id, order_id)
    SELECT DISTINCT value, NEW.id FROM json_each(NEW.sellers);
END;

CREATE TRIGGER orders_sellers_changed AFTER UPDATE OF sellers ON orders WHEN NEW.sellers IS NOT OLD.sellers BEGIN
    DELETE FROM order_sellers WHERE order_id = NEW.id;
    INSERT INTO order_sellers (seller_id, order_id)
    SELECT DISTINCT value, NEW.id FROM json_each(NEW.sellers);
END;

CREATE TABLE payments (
    id                 BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    order_id           BLOB    NOT NULL REFERENCES orders (id),
    provider           TEXT    NOT NULL,
    provider_reference TEXT,
    captured_minor     INTEGER NOT NULL CHECK (captured_minor >= 0),
    refunded_minor     INTEGER NOT NULL CHECK (refunded_minor >= 0),
    -- Refunds that are under way or unknown.
    refunding_minor    INTEGER NOT NULL CHECK (refunding_minor >= 0),
    CONSTRAINT payments_refundable CHECK (captured_minor - refunded_minor - refunding_minor >= 0)
) STRICT;

CREATE INDEX payments_by_order ON payments (order_id);

-- What happened. Nothing in it ever changes.
CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    order_id BLOB    NOT NULL REFERENCES orders (id),
    sequence INTEGER NOT NULL CHECK (sequence >= 1),
    at       INTEGER NOT NULL,
    name     TEXT    NOT NULL,
    body     TEXT    NOT NULL CHECK (json_valid(body)),
    UNIQUE (order_id, sequence)
) STRICT;

CREATE TRIGGER events_without_gap BEFORE INSERT ON events
WHEN NEW.sequence > 1
    AND NOT EXISTS (SELECT 1 FROM events WHERE order_id = NEW.order_id AND sequence = NEW.sequence - 1)
BEGIN
    SELECT RAISE(ABORT, 'the history of an order has no gaps');
END;

CREATE TRIGGER events_unchanged BEFORE UPDATE ON events BEGIN
    SELECT RAISE(ABORT, 'what happened never changes');
END;

CREATE TRIGGER events_kept BEFORE DELETE ON events BEGIN
    SELECT RAISE(ABORT, 'what happened is never forgotten');
END;

-- One row for each order with undelivered events: those from `head` to `last`.
CREATE TABLE outbox (
    order_id   BLOB    NOT NULL PRIMARY KEY REFERENCES orders (id),
    head       INTEGER NOT NULL CHECK (head >= 1),
    last       INTEGER NOT NULL,
    -- When the head happened.
    at         INTEGER NOT NULL,
    -- Claimed, or waiting to be tried again, until then.
    busy_until INTEGER,
    -- How often the delivery of the head failed.
    attempts   INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    CHECK (last >= head)
) STRICT, WITHOUT ROWID;

CREATE INDEX outbox_free ON outbox (at, order_id) WHERE busy_until IS NULL;
CREATE INDEX outbox_busy ON outbox (busy_until) WHERE busy_until IS NOT NULL;
CREATE INDEX outbox_failing ON outbox (at, order_id) WHERE attempts > 0;

CREATE TRIGGER events_to_outbox AFTER INSERT ON events BEGIN
    INSERT INTO outbox (order_id, head, last, at)
    VALUES (NEW.order_id, NEW.sequence, NEW.sequence, NEW.at)
    ON CONFLICT (order_id) DO UPDATE SET last = excluded.last;
END;

CREATE TABLE carts (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    owner_key  TEXT    NOT NULL,
    status     TEXT    NOT NULL CHECK (status IN ('open', 'ordered', 'merged')),
    version    INTEGER NOT NULL CHECK (version >= 0),
    expires_at INTEGER NOT NULL,
    body       TEXT    NOT NULL CHECK (json_valid(body))
) STRICT;

CREATE UNIQUE INDEX carts_open ON carts (owner_key) WHERE status = 'open';
CREATE INDEX carts_expiring ON carts (expires_at, id) WHERE status = 'open';

CREATE TABLE stock (
    product_id TEXT    NOT NULL,
    location   TEXT    NOT NULL,
    on_hand    INTEGER NOT NULL,
    reserved   INTEGER NOT NULL,
    sold       INTEGER NOT NULL CHECK (sold >= 0),
    PRIMARY KEY (product_id, location),
    CONSTRAINT stock_never_oversold CHECK (reserved BETWEEN 0 AND on_hand)
) STRICT, WITHOUT ROWID;

CREATE TABLE reservations (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    order_id   BLOB    CHECK (order_id IS NULL OR length(order_id) = 16),
    status     TEXT    NOT NULL CHECK (status IN ('active', 'confirmed', 'expired', 'cancelled')),
    expires_at INTEGER NOT NULL,
    products   TEXT    NOT NULL CHECK (json_type(products) = 'array'),
    body       TEXT    NOT NULL CHECK (json_valid(body))
) STRICT;

CREATE INDEX reservations_expiring ON reservations (expires_at, id) WHERE status = 'active';

CREATE TRIGGER reservations_end_once BEFORE UPDATE ON reservations WHEN OLD.status <> 'active' BEGIN
    SELECT RAISE(ABORT, 'a reservation ends once');
END;

-- The products that active reservations hold, kept in step with `reservations`.
CREATE TABLE reservation_products (
    product_id     TEXT    NOT NULL,
    expires_at     INTEGER NOT NULL,
    reservation_id BLOB    NOT NULL REFERENCES reservations (id) ON DELETE CASCADE,
    PRIMARY KEY (product_id, expires_at, reservation_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX reservation_products_by_reservation ON reservation_products (reservation_id);

CREATE TRIGGER reservations_products_added AFTER INSERT ON reservations WHEN NEW.status = 'active' BEGIN
    INSERT INTO reservation_products (product_id, expires_at, reservation_id)
    SELECT DISTINCT value, NEW.expires_at, NEW.id FROM json_each(NEW.products);
END;

CREATE TRIGGER reservations_products_changed AFTER UPDATE ON reservations BEGIN
    DELETE FROM reservation_products WHERE reservation_id = OLD.id;
    INSERT INTO reservation_products (product_id, expires_at, reservation_id)
    SELECT DISTINCT value, NEW.expires_at, NEW.id FROM json_each(NEW.products) WHERE NEW.status = 'active';
END;

CREATE TABLE idempotency (
    scope            TEXT    NOT NULL,
    key              TEXT    NOT NULL,
    fingerprint      TEXT    NOT NULL,
    subject          BLOB    NOT NULL CHECK (length(subject) = 16),
    answered_version INTEGER CHECK (answered_version >= 0),
    created_at       INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_by_age ON idempotency (created_at);

CREATE TRIGGER idempotency_answered_once BEFORE UPDATE ON idempotency WHEN OLD.answered_version IS NOT NULL BEGIN
    SELECT RAISE(ABORT, 'a request is answered once');
END;

-- The write-sets that were applied.
CREATE TABLE write_sets (
    id BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX write_sets_by_age ON write_sets (at);

-- An order's history is kept by chapters, and the order itself is written out now and then. And indexes that nobody walks are gone:
-- each of them is pages that every order changes.

-- A row is a chapter: so many events of one commit, up to `sequence`; `name` is that of the first one.
ALTER TABLE events ADD COLUMN count INTEGER NOT NULL DEFAULT 1 CHECK (count >= 1);

-- The version that `body` has: what the events behind it tell is not in it. 0: it is `null`, and the events tell all.
-- NULL: it is that of the order, as everything was before.
ALTER TABLE orders ADD COLUMN body_version INTEGER CHECK (body_version >= 0);

DROP TRIGGER events_without_gap;
CREATE TRIGGER events_without_gap BEFORE INSERT ON events
WHEN NEW.sequence - NEW.count <>
    (SELECT coalesce(max(sequence), 0) FROM events WHERE order_id = NEW.order_id)
BEGIN
    SELECT RAISE(ABORT, 'the history of an order has no gaps');
END;

DROP TRIGGER events_to_outbox;
CREATE TRIGGER events_to_outbox AFTER INSERT ON events BEGIN
    INSERT INTO outbox (order_id, head, last, at)
    VALUES (NEW.order_id, NEW.sequence - NEW.count + 1, NEW.sequence, NEW.at)
    ON CONFLICT (order_id) DO UPDATE SET last = excluded.last;
END;

-- Sellers and products are found by the lists they are kept in step with.
DROP TRIGGER orders_sellers_changed;
CREATE TRIGGER orders_sellers_changed AFTER UPDATE OF sellers ON orders WHEN NEW.sellers IS NOT OLD.sellers BEGIN
    DELETE FROM order_sellers
    WHERE seller_id IN (SELECT value FROM json_each(OLD.sellers)) AND order_id = NEW.id;
    INSERT INTO order_sellers (seller_id, order_id)
    SELECT DISTINCT value, NEW.id FROM json_each(NEW.sellers);
END;
DROP INDEX order_sellers_by_order;

DROP TRIGGER reservations_products_changed;
CREATE TRIGGER reservations_products_changed AFTER UPDATE ON reservations BEGIN
    DELETE FROM reservation_products
    WHERE product_id IN (SELECT value FROM json_each(OLD.products)) AND expires_at = OLD.expires_at
        AND reservation_id = OLD.id;
    INSERT INTO reservation_products (product_id, expires_at, reservation_id)
    SELECT DISTINCT value, NEW.expires_at, NEW.id FROM json_each(NEW.products) WHERE NEW.status = 'active';
END;
DROP INDEX reservation_products_by_reservation;

DROP INDEX payments_by_order;

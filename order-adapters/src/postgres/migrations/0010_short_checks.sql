-- What a commit costs: each statement parses the checks and the triggers' conditions of its table anew. What one column must be is
-- said by its domain, which is not, and the others are as short as they can be. The tables of carts, reservations, requests and stock
-- levels and the outbox are written anew.

CREATE DOMAIN {schema}.cart_status AS text COLLATE "C" CONSTRAINT carts_status CHECK (VALUE IN ('open', 'ordered', 'merged'));
CREATE DOMAIN {schema}.reservation_status AS text COLLATE "C" CONSTRAINT reservations_status CHECK (VALUE IN
    ('active', 'confirmed', 'expired', 'cancelled'));
CREATE DOMAIN {schema}.attempts AS integer CONSTRAINT attempts_counted CHECK (VALUE >= 0);
CREATE DOMAIN {schema}.available AS bigint CONSTRAINT stock_never_oversold CHECK (VALUE >= 0);

ALTER TABLE {schema}.carts
    DROP CONSTRAINT carts_status, ALTER COLUMN status TYPE {schema}.cart_status,
    DROP CONSTRAINT carts_version, ALTER COLUMN version TYPE {schema}.counter;
ALTER TABLE {schema}.outbox
    DROP CONSTRAINT outbox_attempts, ALTER COLUMN attempts TYPE {schema}.attempts;
-- No side of it can leave the range of its numbers.
ALTER TABLE {schema}.payments
    DROP CONSTRAINT payments_refundable,
    ADD CONSTRAINT payments_refundable CHECK (refunding_minor <= captured_minor - refunded_minor);

-- A column that a trigger looks at keeps its type.

DROP TRIGGER reservations_end_once ON {schema}.reservations;
DROP TRIGGER reservations_kept ON {schema}.reservations;
ALTER TABLE {schema}.reservations
    DROP CONSTRAINT reservations_status, ALTER COLUMN status TYPE {schema}.reservation_status;
CREATE TRIGGER reservations_end_once BEFORE UPDATE ON {schema}.reservations
    FOR EACH ROW WHEN (OLD.status <> 'active')
    EXECUTE FUNCTION {schema}.forbidden('a reservation ends once');
CREATE TRIGGER reservations_kept BEFORE DELETE ON {schema}.reservations
    FOR EACH ROW WHEN (OLD.status = 'active')
    EXECUTE FUNCTION {schema}.forbidden('a reservation is ended before it is removed');

DROP TRIGGER idempotency_answered_once ON {schema}.idempotency;
ALTER TABLE {schema}.idempotency
    DROP CONSTRAINT idempotency_answered, ALTER COLUMN answered_version TYPE {schema}.counter;
CREATE TRIGGER idempotency_answered_once BEFORE UPDATE ON {schema}.idempotency
    FOR EACH ROW WHEN (OLD.answered_version IS NOT NULL)
    EXECUTE FUNCTION {schema}.forbidden('a request is answered once');

DROP TRIGGER stock_crossed ON {schema}.stock;
ALTER TABLE {schema}.stock
    DROP CONSTRAINT stock_never_oversold, ALTER COLUMN reserved TYPE {schema}.counter,
    ADD COLUMN available {schema}.available GENERATED ALWAYS AS (on_hand - reserved) STORED;
CREATE TRIGGER stock_crossed AFTER UPDATE OF on_hand, reserved, low_at ON {schema}.stock
    FOR EACH ROW WHEN (
        (OLD.available > 0) <> (NEW.available > 0)
        OR NEW.available > 0 AND ((OLD.available <= OLD.low_at) IS TRUE) <> ((NEW.available <= NEW.low_at) IS TRUE))
    EXECUTE FUNCTION {schema}.stock_crossed();

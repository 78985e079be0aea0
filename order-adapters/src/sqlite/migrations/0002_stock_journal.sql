-- The journals of stock levels: what the staff did and why, and every time that what is available crossed nothing or the threshold.

-- The stock is low when no more than so many units are available.
ALTER TABLE stock ADD COLUMN low_at INTEGER
    CONSTRAINT stock_threshold CHECK (low_at BETWEEN 0 AND 1000000000000);
-- How many records the level's journal has.
ALTER TABLE stock ADD COLUMN records INTEGER NOT NULL DEFAULT 0 CHECK (records >= 0);
-- When a write-set last changed it.
ALTER TABLE stock ADD COLUMN changed_at INTEGER NOT NULL DEFAULT 0;

-- Nothing in it ever changes. `on_hand` to `low_at` are the level as it was afterwards; `body` says what happened, by whom and why.
CREATE TABLE stock_records (
    product_id TEXT    NOT NULL,
    location   TEXT    NOT NULL,
    sequence   INTEGER NOT NULL CHECK (sequence >= 1),
    at         INTEGER NOT NULL,
    on_hand    INTEGER NOT NULL,
    reserved   INTEGER NOT NULL,
    sold       INTEGER NOT NULL,
    low_at     INTEGER,
    name       TEXT    NOT NULL,
    body       TEXT    NOT NULL CHECK (json_valid(body)),
    PRIMARY KEY (product_id, location, sequence),
    FOREIGN KEY (product_id, location) REFERENCES stock (product_id, location)
) STRICT, WITHOUT ROWID;

CREATE INDEX stock_records_by_time ON stock_records (product_id, at, location, sequence);

CREATE TRIGGER stock_records_without_gap BEFORE INSERT ON stock_records
WHEN NEW.sequence IS NOT
    (SELECT records + 1 FROM stock WHERE product_id = NEW.product_id AND location = NEW.location)
BEGIN
    SELECT RAISE(ABORT, 'the journal of a stock level has no gaps');
END;

CREATE TRIGGER stock_records_unchanged BEFORE UPDATE ON stock_records BEGIN
    SELECT RAISE(ABORT, 'what happened never changes');
END;

CREATE TRIGGER stock_records_kept BEFORE DELETE ON stock_records BEGIN
    SELECT RAISE(ABORT, 'what happened is never forgotten');
END;

-- One row for each level with undelivered records: those from `head` to `last`.
CREATE TABLE stock_outbox (
    product_id TEXT    NOT NULL,
    location   TEXT    NOT NULL,
    head       INTEGER NOT NULL CHECK (head >= 1),
    last       INTEGER NOT NULL,
    -- When the head happened.
    at         INTEGER NOT NULL,
    -- Claimed, or waiting to be tried again, until then.
    busy_until INTEGER,
    -- How often the delivery of the head failed.
    attempts   INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    PRIMARY KEY (product_id, location),
    CHECK (last >= head)
) STRICT, WITHOUT ROWID;

CREATE INDEX stock_outbox_free ON stock_outbox (at, product_id, location) WHERE busy_until IS NULL;
CREATE INDEX stock_outbox_busy ON stock_outbox (busy_until) WHERE busy_until IS NOT NULL;
CREATE INDEX stock_outbox_failing ON stock_outbox (at, product_id, location) WHERE attempts > 0;

-- Every record is counted, and waits in the outbox.
CREATE TRIGGER stock_records_added AFTER INSERT ON stock_records BEGIN
    UPDATE stock SET records = NEW.sequence WHERE product_id = NEW.product_id AND location = NEW.location;
    INSERT INTO stock_outbox (product_id, location, head, last, at)
    VALUES (NEW.product_id, NEW.location, NEW.sequence, NEW.sequence, NEW.at)
    ON CONFLICT (product_id, location) DO UPDATE SET last = excluded.last;
END;

-- What is available crosses nothing, or the threshold: told whoever changes the level.
CREATE TRIGGER stock_crossed AFTER UPDATE OF on_hand, reserved, low_at ON stock
WHEN (OLD.on_hand > OLD.reserved) <> (NEW.on_hand > NEW.reserved)
    OR NEW.on_hand > NEW.reserved
        AND coalesce(OLD.on_hand - OLD.reserved <= OLD.low_at, 0)
            <> coalesce(NEW.on_hand - NEW.reserved <= NEW.low_at, 0)
BEGIN
    INSERT INTO stock_records (product_id, location, sequence, at, on_hand, reserved, sold, low_at, name, body)
    SELECT s.product_id, s.location, s.records + 1, s.changed_at, s.on_hand, s.reserved, s.sold, s.low_at,
        'inventory.' || a.alert, '{"event":{"event":"alert","alert":"' || a.alert || '"}}'
    FROM stock AS s, (
        SELECT CASE
            WHEN NEW.on_hand = NEW.reserved THEN 'out_of_stock'
            WHEN OLD.on_hand = OLD.reserved THEN 'back_in_stock'
            WHEN NEW.on_hand - NEW.reserved <= NEW.low_at THEN 'low_stock'
            ELSE 'replenished'
        END AS alert
    ) AS a
    WHERE s.product_id = NEW.product_id AND s.location = NEW.location;
END;

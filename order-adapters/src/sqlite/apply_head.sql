    -- What every row may have.
    INSERT INTO write_sets (id, at) SELECT NEW.id, NEW.at WHERE NEW.id IS NOT NULL;

    INSERT INTO idempotency (scope, key, fingerprint, subject, answered_version, created_at)
    SELECT NEW.request_scope, NEW.request_key, NEW.request_fingerprint, NEW.request_subject, NEW.request_answered,
        NEW.request_at
    WHERE NEW.request_is_new = 1;
    UPDATE idempotency SET fingerprint = NEW.request_fingerprint, subject = NEW.request_subject,
        answered_version = NEW.request_answered, created_at = NEW.request_at
    WHERE NEW.request_is_new = 0 AND scope = NEW.request_scope AND key = NEW.request_key AND answered_version IS NULL;
    SELECT RAISE(ABORT, 'request') WHERE NEW.request_is_new = 0 AND changes() <> 1;

    -- Whatever is set is taken out of its indexes and put back, changed or not: so what mostly stays as it is has a statement of its own.
    UPDATE carts SET owner_key = NEW.cart_owner, status = NEW.cart_status, expires_at = NEW.cart_expires
    WHERE NEW.cart_expected > 0 AND id = NEW.cart_id AND version = NEW.cart_expected
        AND (owner_key, status, expires_at) IS NOT (NEW.cart_owner, NEW.cart_status, NEW.cart_expires);
    UPDATE carts SET version = NEW.cart_version, body = NEW.cart_body
    WHERE NEW.cart_expected > 0 AND id = NEW.cart_id AND version = NEW.cart_expected;
    SELECT RAISE(ABORT, 'cart') WHERE NEW.cart_expected > 0 AND changes() <> 1;
    INSERT INTO carts (id, owner_key, status, version, expires_at, body)
    SELECT NEW.cart_id, NEW.cart_owner, NEW.cart_status, NEW.cart_version, NEW.cart_expires, NEW.cart_body
    WHERE NEW.cart_expected = 0;

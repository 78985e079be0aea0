-- What has expired is soon ended, so there is never much of it to look through: no table of what active reservations hold is kept in
-- step with them.
DROP TRIGGER reservations_products_added;
DROP TRIGGER reservations_products_changed;
DROP TABLE reservation_products;

-- An order's id begins with the time at which it was placed, and a write-set's with its own: what is of a time is between two ids.
DROP INDEX {schema}.orders_by_creation;
DROP INDEX {schema}.write_sets_by_age;

"""validate_migrations(): migrations run on empty tables and on generated rows."""

"""What a migration may not lose: rows, references, and what depends on them."""

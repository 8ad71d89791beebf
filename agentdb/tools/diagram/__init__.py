"""Pictures of a schema."""

"""Python inside a migration: its specification, its execution."""

"""Tools around the migration engine. Nothing here is imported by a start."""

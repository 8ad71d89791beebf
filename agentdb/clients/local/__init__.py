"""A database in a file, or in memory, through the sqlite3 of the standard library."""

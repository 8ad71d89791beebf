"""RebuildTable: a table made anew with its rows kept."""

"""RebuildTable: a table that is made again with its rows kept."""

"""A database on a libSQL server, over Hrana 3 on HTTP: what is sent and what it means, and the two transports."""

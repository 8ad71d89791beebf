"""One module per contender; each has a class Peer (see benchmarks.trial.Peer).

A peer is used as its own documentation says to run it from Python on a local SQLite file, with its default
settings: journal mode, synchronous level and transactions are the tool's, not ours.
"""

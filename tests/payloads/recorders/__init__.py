"""One recorder per SDK: what its own types and serialisers give, as values for JSON."""

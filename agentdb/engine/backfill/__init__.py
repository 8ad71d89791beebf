"""Many rows changed in batches: the specification, the execution."""

"""Comparisons that anyone can run again: every figure is a ratio to something measured in the same run.

`python -m benchmarks.migrations`, `python -m benchmarks.clients`, `python -m benchmarks.start`.
"""

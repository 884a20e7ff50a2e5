"""Measures of the running product, each a program: `python -m benchmarks.NAME`."""

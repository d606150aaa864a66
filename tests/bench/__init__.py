"""Benchmarks: run by hand, or by make; pytest only sees that they still run."""

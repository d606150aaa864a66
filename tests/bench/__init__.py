"""Benchmarks. People run them by hand or with make; pytest only checks that the benchmarks can run."""

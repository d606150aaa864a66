"""Benchmarks. Run them by hand or with make; pytest only checks that they can run."""

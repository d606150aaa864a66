"""Tests on a small LAN: two laptops, each in a network namespace, and the programs that run on them."""

"""A small LAN for tests: two laptops, each in a network namespace, and the programs that run on them."""

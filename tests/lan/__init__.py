"""A small LAN for tests: two laptops, each a network namespace, and what runs there."""

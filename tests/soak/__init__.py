"""The soak: many peers, and everything that can break, for a long time."""

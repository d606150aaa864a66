"""The mesh: the peers of a room at one moment, with a line for each pair."""

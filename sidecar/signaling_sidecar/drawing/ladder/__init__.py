"""The ladder: a sequence diagram with a column for each peer and a row for each event."""

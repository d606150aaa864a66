"""A sidecar that shares its rooms with others: `--cluster`."""

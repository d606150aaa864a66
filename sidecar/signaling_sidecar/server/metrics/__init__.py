"""`/metrics`: what the sidecar does, as numbers for Prometheus."""

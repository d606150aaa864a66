"""Serves `/metrics`: numbers about the sidecar for Prometheus."""

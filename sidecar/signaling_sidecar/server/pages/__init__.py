"""Serves the status page, and the HTTP routes that the status page and our client library request."""

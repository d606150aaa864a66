"""The handling of all HTTP requests: which are accepted, which address they come from, and how bad requests are
answered."""

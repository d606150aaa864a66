"""Handles all HTTP requests: decides which are accepted, finds the address of the client, and answers bad requests."""

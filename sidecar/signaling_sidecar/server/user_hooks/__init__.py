"""Runs the user's hooks: when they are called, in which thread, and which return values are valid."""

"""Checks access tokens: which clients may connect, which of their commands are carried out, and until when."""

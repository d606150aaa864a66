"""Analyses the newest part of the event log, in a process of its own that the server starts when somebody watches.

The server is not disturbed by it: a busy log needs a fifth of a processor and 100 MB. `messages.py` describes how the
two talk, and `__main__.py` is the process.
"""

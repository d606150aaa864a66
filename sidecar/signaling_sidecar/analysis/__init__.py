"""Analyses the newest part of the event log, in a separate process that the server starts when it needs an analysis.

The separate process keeps this work away from the server: for a busy log, the analysis needs a fifth of a processor and
100 MB. `messages.py` describes the messages between the server and the process, and `__main__.py` is the program of the
process.
"""

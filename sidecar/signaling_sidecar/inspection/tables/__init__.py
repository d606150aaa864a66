"""The pandas tables of a log, and the reader of the log's files."""

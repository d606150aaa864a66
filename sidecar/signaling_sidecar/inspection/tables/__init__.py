"""The pandas tables of a log, and the reader that loads them."""

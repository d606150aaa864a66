"""Running the user's hooks file: what is asked of it, in which thread, and which answers are valid."""

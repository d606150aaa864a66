"""The timeline: a row for each session, which shows when it was in the room."""

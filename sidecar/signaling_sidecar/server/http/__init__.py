"""What applies to every HTTP request: who is let in, where it comes from, and how bad requests are answered."""

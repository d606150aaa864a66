"""The difference of two session descriptions, section by section."""

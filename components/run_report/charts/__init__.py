"""The charts of the report, and the same numbers as tables."""

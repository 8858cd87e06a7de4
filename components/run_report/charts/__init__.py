"""The charts of a page, and the same figures as tables."""

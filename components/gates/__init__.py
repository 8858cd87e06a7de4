"""Gates that were added later, one folder each: see docs/how-to/extend.md."""

"""The gates, one folder each: each lets a run go on or ends it. To add one: docs/how-to/extend.md."""

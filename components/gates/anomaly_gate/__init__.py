"""Stops a run whose data does not match the schema; the stock ExampleValidator only marks its artifact."""

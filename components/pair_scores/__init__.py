"""The scores of candidate and baseline on every test pair, for intervals, paired tests and the report."""

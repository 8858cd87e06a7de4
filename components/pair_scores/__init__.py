"""What the candidate and the served model say of every test pair: the one source of intervals and paired tests."""

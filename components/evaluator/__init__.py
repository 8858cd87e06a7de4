"""The field's verification metrics as TFMA metrics: exact, from every pair's score and distance."""

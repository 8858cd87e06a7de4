"""The measures of the field as TFMA metrics: exact, from every pair's score and distance."""

"""TFX's Evaluator with exact verification metrics for TFMA, and the gate "floors"."""

"""The model card: intended use, metrics, data and limitations of a model, as Markdown."""

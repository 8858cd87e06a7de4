"""The Siamese model: what it reads, how it learns, what it serves. Imports nothing else of this project."""

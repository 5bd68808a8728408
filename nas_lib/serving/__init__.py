"""A model behind HTTP, for trying out."""

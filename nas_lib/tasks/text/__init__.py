"""Language modelling: each word of a text from those before it."""

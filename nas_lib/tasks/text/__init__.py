"""Language modelling: each word or character of a text from those before it."""

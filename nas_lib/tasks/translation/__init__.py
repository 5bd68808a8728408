"""Translation: sentences of one language from those of another."""

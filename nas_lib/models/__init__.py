"""Models: what a search hands on, read and used without torch."""

"""Series of numbers in classes."""

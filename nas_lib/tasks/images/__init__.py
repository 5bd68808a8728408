"""Images in classes, with labels, or with a number."""

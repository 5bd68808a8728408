"""TextModel: how well it can tell the words of a text."""

from __future__ import annotations

from nas_lib.models.model import Model


class TextModel(Model):
    """The next word of a text."""

    def perplexity(self, text: str) -> float:
        """Return how many equally likely words would be as hard to tell the next one from.

        Args:
            text: Split into words as the text that it learned from.

        Raises:
            DataError: It has fewer than two words.
        """
        raise NotImplementedError

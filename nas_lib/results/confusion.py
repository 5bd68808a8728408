"""What a network took for what on the test data: class by class, and as a matrix."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from nas_lib.records import Confusion
from nas_lib.results.intervals import Interval, over_examples


@dataclass(frozen=True)
class ClassScore:
    """How well a network knows one class.

    Attributes:
        label: The class, by its index.
        num: Examples of it.
        num_right: Those that it knew.
        taken_for: What it took most of the others for, None where it knew all.
        num_taken: How many these are.
    """

    label: int
    num: int
    num_right: int
    taken_for: int | None
    num_taken: int

    @property
    def accuracy(self) -> float:
        """The share that it knew."""
        return self.num_right / self.num

    @property
    def interval(self) -> Interval:
        """Wilson's interval of that share at 95 %."""
        found = over_examples(self.accuracy, self.num)
        assert found is not None  # a class without examples is none of these
        return found


def class_scores(confusion: Confusion) -> list[ClassScore]:
    """Return each class of which there was an example, the worst first."""
    found: defaultdict[int, Counter[int]] = defaultdict(Counter)
    for true, predicted, num in confusion:
        if num:
            found[true][predicted] += num
    scores = [_class_score(label, found[label]) for label in sorted(found)]
    return sorted(scores, key=lambda each: each.accuracy)  # of equal ones in their order


def _class_score(label: int, taken: Counter[int]) -> ClassScore:
    wrong = ((num, -other) for other, num in taken.items() if other != label)
    most, other = max(wrong, default=(0, 0))
    return ClassScore(label, taken.total(), taken[label], -other if most else None, most)


def most_confused(confusion: Confusion, num_classes: int, *, most: int) -> list[int]:
    """Return the classes that a matrix shows, in order: all, or those with the most mistakes.

    Args:
        confusion: What was taken for what.
        num_classes: How many classes there are.
        most: Rows of a matrix, one of them for all others where there are any.
    """
    if num_classes <= most:
        return list(range(num_classes))
    wrong: Counter[int] = Counter()
    for true, predicted, num in confusion:
        if true != predicted:
            wrong[true] += num
            wrong[predicted] += num
    by_errors = sorted(range(num_classes), key=lambda each: (-wrong[each], each))
    return sorted(by_errors[: most - 1])


def matrix(confusion: Confusion, kept: Sequence[int], num_classes: int) -> list[list[int]]:
    """Return how many of each class, a row each, were taken for each, a column each.

    All classes that are not kept are one, the last.
    """
    place = {label: number for number, label in enumerate(kept)}
    size = len(kept) + (len(kept) < num_classes)
    rows = [[0] * size for _ in range(size)]
    for true, predicted, num in confusion:
        rows[place.get(true, size - 1)][place.get(predicted, size - 1)] += num
    return rows


def frequent_mistakes(confusion: Confusion, *, most: int) -> Confusion:
    """Return the pairs of classes that were mistaken most often, the most frequent first."""
    wrong = (each for each in confusion if each[0] != each[1])
    return tuple(sorted(wrong, key=lambda each: (-each[2], each)))[:most]

"""How far a search by shared weights is, and what it took."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from nas_lib.report.curves import recent_gaps
from nas_lib.report.view import SearchView
from nas_lib.report.wording import duration_text, plural


@dataclass(frozen=True)
class SharedCourse:
    """What shared weights took so far.

    Attributes:
        epochs: Finished epochs of training them.
        num_epochs: Of the whole training.
        training_s: Seconds of training, all epochs together.
        controller_s: Seconds of controller steps.
        num_evaluations: Architectures that the controller was rewarded for.
        num_samples: Architectures scored on all validation data once training was complete.
        deriving_s: Seconds which that took, None as long as nothing is derived.
        time_left_s: Expected seconds of training that are left, None where nobody knows.
    """

    epochs: int
    num_epochs: int
    training_s: float
    controller_s: float
    num_evaluations: int
    num_samples: int
    deriving_s: float | None
    time_left_s: float | None

    @property
    def num_judged(self) -> int:
        """Architectures judged with shared weights."""
        return self.num_evaluations + self.num_samples


def shared_course(view: SearchView) -> SharedCourse | None:
    """Return how far the search is, None for one without shared weights."""
    shared, epochs, derived = view.config.shared, view.shared_epochs, view.derived
    if shared is None:
        return None
    return SharedCourse(
        epochs=len(epochs),
        num_epochs=shared.epochs,
        training_s=sum(each.seconds for each in epochs),
        controller_s=sum(each.controller_seconds for each in epochs),
        num_evaluations=sum(each.num_evaluations for each in epochs),
        num_samples=0 if derived is None else len(derived.scores),
        deriving_s=None if derived is None else derived.seconds,
        time_left_s=_time_left_s(view, shared.epochs),
    )


def course_line(course: SharedCourse) -> str:
    """Return what shared weights took in one line."""
    parts = [
        f"epoch {course.epochs:,} of {course.num_epochs:,}",
        f"{duration_text(course.training_s)} of training",
        f"{duration_text(course.controller_s)} of controller steps",
        f"{plural(course.num_judged, 'architecture')} judged",
    ]
    if course.deriving_s is not None:
        parts.append(f"{duration_text(course.deriving_s)} of deriving")
    return f"Shared weights: {', '.join(parts)}."


def _time_left_s(view: SearchView, num_epochs: int) -> float | None:
    """Return what the epochs left will take at the pace of the latest; then nobody knows."""
    gaps = recent_gaps([each.created_s for each in view.shared_epochs])
    num_left = num_epochs - len(view.shared_epochs)
    return num_left * median(gaps) if gaps and num_left > 0 else None

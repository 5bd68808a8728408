"""How far a search by shared weights is, and what it took."""

from __future__ import annotations

from dataclasses import dataclass

from nas_lib.results.view import SearchView


@dataclass(frozen=True)
class SharedProgress:
    """What shared weights took so far.

    Attributes:
        epochs: Finished epochs of training them.
        training_s: Seconds of training, all epochs together.
        controller_s: Seconds of controller steps.
        num_evaluations: Architectures that the controller was rewarded for.
        num_samples: Architectures scored on all validation data once training was complete.
        deriving_s: Seconds which that took, None as long as nothing is derived.
    """

    epochs: int
    training_s: float
    controller_s: float
    num_evaluations: int
    num_samples: int
    deriving_s: float | None

    @property
    def num_judged(self) -> int:
        """Architectures judged with shared weights."""
        return self.num_evaluations + self.num_samples


def shared_progress(view: SearchView) -> SharedProgress:
    """Return how far the search is; nothing but zeros for one without shared weights."""
    epochs, derived = view.shared_epochs, view.derived
    return SharedProgress(
        epochs=len(epochs),
        training_s=sum(each.seconds for each in epochs),
        controller_s=sum(each.controller_seconds for each in epochs),
        num_evaluations=sum(each.num_evaluations for each in epochs),
        num_samples=0 if derived is None else len(derived.scores),
        deriving_s=None if derived is None else derived.seconds,
    )

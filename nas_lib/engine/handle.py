"""SearchHandle: a search and what it has come to, and `nas_lib.open`, which reopens one."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from nas_lib import steps
from nas_lib.config import FinalsConfig
from nas_lib.models import AnyModel, open_model
from nas_lib.models.opening import newest_model
from nas_lib.open_search import OpenSearch
from nas_lib.records import ChildRow
from nas_lib.results import SearchView, score_of
from nas_lib.results.final import outcome
from nas_lib.results.intervals import Seeds
from nas_lib.spaces import Space
from nas_lib.store import layout
from nas_lib.tasks import Evaluate

if TYPE_CHECKING:
    from torch import nn


class FoundChild(ChildRow):
    """A child of a search, whose network is at hand. It stands for its architecture."""

    _uri: str
    _seeds: Seeds

    @classmethod
    def of(cls, row: ChildRow, uri: str, seeds: Seeds | None = None) -> FoundChild:
        """Return a child of the search at this URI, with the scores of its architecture."""
        found = cls(**{field.name: getattr(row, field.name) for field in fields(row)})
        own = (score,) if (score := score_of(row)) is not None else ()
        for name, value in {"_uri": uri, "_seeds": seeds or Seeds(own)}.items():
            object.__setattr__(found, name, value)  # it is frozen: they are no part of the record
        return found

    @property
    def scores(self) -> tuple[float, ...]:
        """The scores of all trainings of its architecture that came to their end."""
        return self._seeds.scores

    @property
    def mean_score(self) -> float | None:
        """Their mean, None where there is none."""
        return self._seeds.mean

    @property
    def spread(self) -> float | None:
        """Their sample standard deviation, None for fewer than two."""
        return self._seeds.spread

    def __eq__(self, other: object) -> bool:
        """Say whether it is the same child, in a table or here."""
        if not isinstance(other, ChildRow):
            return NotImplemented
        names = [field.name for field in fields(self)]
        return all(getattr(self, name) == getattr(other, name) for name in names)

    __hash__ = ChildRow.__hash__

    def network(self) -> nn.Module:
        """Return its network with the weights of its best epoch, on the CPU, for evaluation.

        Of images it takes what training gave it: scaled and standardised, float32 `[B, C, H, W]`.

        Raises:
            ConfigError: It was trained elsewhere, or its weights were not kept.
        """
        from nas_lib.export.children import trained_network

        return trained_network(OpenSearch(self._uri), self.id)


@dataclass(frozen=True)
class SearchHandle:
    """What a search has come to.

    Attributes:
        uri: Where its state lies.
        run: The run that returned this; empty where none did.
        view: All that reports show.
        trained: URIs of the final trainings that the run did, or found done.
    """

    uri: str
    run: str
    view: SearchView
    trained: tuple[str, ...] = ()

    def __repr__(self) -> str:
        best = f", best {self.best.id}" if self.best else ""
        return f"SearchHandle({self.uri!r}, {len(self.children):,} children{best})"

    @property
    def children(self) -> tuple[ChildRow, ...]:
        """Every finished child, in order of replica, round and index."""
        return self.view.rows

    @property
    def best(self) -> FoundChild | None:
        """The child that stands for the best architecture, None if training succeeded for none.

        That is the one with the best mean score where the best were trained again. Of a final
        training it is the one that is handed on, once there is a winner.
        """
        handed_on = outcome(self.view).handed_on if self._is_final else None
        if handed_on is not None:
            return FoundChild.of(handed_on, self.uri)
        best = self.view.best
        return None if best is None else FoundChild.of(best.row, self.uri, best.seeds)

    @property
    def finals(self) -> tuple[SearchHandle, ...]:
        """Its final trainings, the oldest first."""
        return tuple(SearchHandle(view.uri, "", view) for view in self.view.finals)

    @property
    def _is_final(self) -> bool:
        return isinstance(self.view.config.search, FinalsConfig)

    def model(self) -> AnyModel:
        """Return the model that the search hands on; where none is there it is exported first.

        It is the winner of the newest final training, else the best child.

        Raises:
            ConfigError: The search is not finished, trains nothing, or an extra is missing.
            NasError: The network cannot be exported.
        """
        around = layout.around(self.uri) if self._is_final else self.uri
        search, network = OpenSearch(around), ""
        if self._is_final:
            network = layout.winners_model(layout.final_key(self.uri))
        elif newest_model(search.store.objects) is not None:
            return open_model(around)
        info = steps.require_model(search, run=secrets.token_hex(4), network=network)
        return open_model(f"{around}/{layout.model_folder(info.id)}")

    def leaderboard(self, top: int = 10) -> list[FoundChild]:
        """Return the best children, best first; those of architectures that were trained again."""
        best = self.view.standings[:top]
        return [FoundChild.of(each.row, self.uri, each.seeds) for each in best]


def open(
    uri: str | os.PathLike[str], *, space: Space | None = None, evaluate: Evaluate | None = None
) -> SearchHandle:
    """Reopen a search and return what it has come to; nothing is searched.

    Args:
        uri: Where its state lies: a folder, or `s3://bucket/prefix` (`gs://` and `az://` likewise).
        space: The space of your own that it was begun with, if it was.
        evaluate: Likewise the evaluation.

    Raises:
        ConfigError: There is no search.
    """
    search = OpenSearch(os.fspath(uri), space=space, evaluate=evaluate)
    return SearchHandle(search.uri, "", steps.view_search(search))

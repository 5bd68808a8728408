"""Transfer: networks that were found elsewhere, for another task. Nothing is searched.

Once the data are prepared it is finished, and its networks are what is recommended: what follows is
the final training, as of any search.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from nas_lib.config import TransferConfig
from nas_lib.errors import plural
from nas_lib.open_search import OpenSearch
from nas_lib.procedures.final import architecture_of
from nas_lib.procedures.listener import Listener
from nas_lib.procedures.procedure import PipelineForm, Preview, Procedure, Recommended, Stage
from nas_lib.procedures.proposals import Assignment
from nas_lib.records import Learned
from nas_lib.results import SearchView


class Transfer(Procedure[TransferConfig]):
    """No rounds, and no children but those of the final training."""

    form = PipelineForm(
        name="transfer",
        per_run="",
        per_run_default=0,
        has_replicas=False,
        fanouts=("jobs",),
        left_open={"source": ""},
    )

    @property
    def num_rounds(self) -> int:
        """None."""
        return 0

    @property
    def num_children(self) -> int:
        """None: all that is trained, the final training trains."""
        return 0

    @property
    def children_per_round(self) -> int:
        """None."""
        return 0

    def is_finished(self, search: OpenSearch, replica: int) -> bool:
        """Say whether the data are prepared."""
        return search.task.find_manifest(search.store) is not None

    def num_done(self, search: OpenSearch, replica: int) -> int:
        """Return 0, as there are no rounds."""
        return 0

    def rounds_left(self, search: OpenSearch, replica: int) -> int:
        """Return 1: where anything is left, that is to prepare the data."""
        return 1

    def propose(
        self, search: OpenSearch, replica: int, *, run: str, listener: Listener
    ) -> Assignment | None:
        """Propose nothing."""
        return None

    def learn(self, search: OpenSearch, replica: int, round: int, *, run: str) -> Learned | None:
        """Learn nothing."""
        return None

    def to_test(self, search: OpenSearch, view: SearchView) -> Iterable[str]:
        """Test nothing: there are no children."""
        return ()

    def recommended(self, search: OpenSearch, view: SearchView) -> Iterator[Recommended]:
        """Yield all its networks."""
        for text, origin in self.settings.named:
            yield Recommended(architecture_of(search, text), origin)

    # --- for people ------------------------------------------------------------------------------

    def complete_view(self, view: SearchView, search: OpenSearch) -> SearchView:
        """Return the view with whether the data are prepared."""
        return replace(view, finished=self.is_finished(search, 0))

    def to_do(self, search: OpenSearch, num_rounds: int) -> str:
        """Say that there is nothing."""
        return "nothing"

    def stages(self, search: OpenSearch, num_rounds: int) -> tuple[Stage, ...]:
        """Return that of children, of which there are none."""
        return (Stage("children", total=0),)

    def preview(self, search: OpenSearch) -> Preview:
        """Say what is transferred, and from where."""
        what = plural(len(self.settings.networks), "network")
        return Preview({"transfer": f"{what} of {self.settings.source or 'its document'}"})

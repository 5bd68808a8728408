from __future__ import annotations

import json
import socket
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from searches import store_of, tabular
from small_server import SmallServer, running

import nas_lib
from nas_lib import pods
from nas_lib.config import NotifyConfig, SearchConfig
from nas_lib.config_file import resolve_config
from nas_lib.engine import Listener
from nas_lib.errors import InterruptedSearchError, NasError
from nas_lib.open_search import OpenSearch
from nas_lib.tracking import webhook
from nas_lib.tracking.webhook import post

GUIDE = Path(__file__).parents[2] / "docs/tracking.md"


class Receiver(SmallServer):
    """Keeps what is sent; answers with the statuses in turn, the last one again and again."""

    statuses: list[int]
    sent: list[dict[str, object]]

    def post(self) -> None:
        self.sent.append(json.loads(self.body()))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        self.answer(status, b"x" * 100_000, {"Location": "http://127.0.0.1:9/"})


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "_PAUSES_S", (0.01, 0.02))


class Said(Listener):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def warned(self, message: str) -> None:
        self.lines.append(message)


def telling(address: str, **rounds: object) -> SearchConfig:
    config = tabular(max_children=8, **rounds)
    return config.model_copy(update={"notify": NotifyConfig(webhook=address)})


def refused_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture
def hanging() -> Iterator[str]:
    """Takes connections, and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/hook"


def test_the_end_of_a_search_is_told_once_with_its_best_network() -> None:
    with running(Receiver, statuses=[200], sent=(sent := [])) as url:
        handle = nas_lib.search(telling(f"{url}/hook"), store="memory://told-once")
        nas_lib.search(telling(f"{url}/hook"), store="memory://told-once")

    assert len(sent) == 1
    best = handle.view.best
    assert best is not None
    told = sent[0]
    assert told["version"] == 1
    assert (told["event"], told["name"], told["search"]) == ("finished", "tabular", handle.uri)
    assert told["children"] == {"done": 8, "of": 8}
    assert told["best"] == {
        "child": best.row.id,
        "architecture": best.row.architecture.config,
        "score": best.row.score,
        "mean_score": best.seeds.mean,
        "trainings": len(best.seeds.scores),
        "parameters": None,
        "multiply_adds": None,
        "test_score": None,
    }
    assert told["succession"] is None
    assert told["report"] == f"{handle.uri}/reports/{handle.run}/report.html"
    assert store_of(handle).problems() == []
    shown = json.loads(GUIDE.read_text().partition("```json\n")[2].partition("```")[0])
    assert (list(told), list(told["best"])) == (list(shown), list(shown["best"]))


def test_more_children_are_another_end() -> None:
    with running(Receiver, statuses=[200], sent=(sent := [])) as url:
        nas_lib.search(telling(url, confirm=None), store="memory://told-twice")
        longer = telling(url, confirm=None).model_dump(mode="json")
        longer["search"]["max_children"] = 12
        nas_lib.search(SearchConfig.model_validate(longer), store="memory://told-twice")

    assert [each["children"] for each in sent] == [{"done": 8, "of": 8}, {"done": 12, "of": 12}]


def test_a_run_that_only_came_to_its_own_last_round_is_no_end() -> None:
    with running(Receiver, statuses=[200], sent=(sent := [])) as url:
        nas_lib.search(telling(url), store="memory://in-between", rounds=1)

    assert sent == []


def test_a_search_that_fails_or_is_stopped_says_so_and_raises_what_it_would() -> None:
    def broken(_: object) -> float:
        raise NasError("no such table")

    def stopped(_: object) -> float:
        raise KeyboardInterrupt

    with running(Receiver, statuses=[204], sent=(sent := [])) as url:
        with pytest.raises(NasError, match="no such table"):
            nas_lib.search(telling(url), store="memory://fails", evaluate=broken)
        with pytest.raises(InterruptedSearchError):
            nas_lib.search(telling(url), store="memory://stopped", evaluate=stopped)

    assert [(each["event"], each["message"]) for each in sent] == [
        ("failed", "no such table"),
        ("stopped", "it was stopped"),
    ]


def begun_here(uri: str, changes: dict[str, Any]) -> None:
    nas_lib.search(resolve_config("photos", changes, stored=None), store=uri)


def begun_in_a_pod(uri: str, changes: dict[str, Any]) -> None:
    pods.prepare_data(OpenSearch(uri), preset="photos", overrides=changes, run="run")


@pytest.mark.parametrize("begin", [begun_here, begun_in_a_pod])
def test_that_a_search_cannot_begin_is_told_too(begin: Callable[..., None], tmp_path: Path) -> None:
    with running(Receiver, statuses=[200], sent=(sent := [])) as url:
        changes = {"task.data.path": str(tmp_path / "gone"), "notify.webhook": url}
        with pytest.raises(NasError, match="gone"):
            begin(str(tmp_path / "s"), changes)

    (told,) = sent
    assert (told["event"], told["name"], told["search"]) == ("failed", "photos", f"{tmp_path}/s")
    assert "gone" in told["message"]
    assert "children" not in told


def test_a_search_ends_as_it_would_where_nobody_takes_it(tmp_path: Path) -> None:
    said = Said()
    url = f"http://127.0.0.1:{refused_port()}/services/hidden-part"

    handle = nas_lib.search(telling(url), store="memory://nobody", listener=said)

    assert handle.view.finished
    (problem,) = store_of(handle).problems()
    assert said.lines == [problem.message]
    assert problem.message.startswith("notify.webhook: http://127.0.0.1:")
    assert "did not take it: " in problem.message
    assert "refused" in problem.message
    assert "hidden-part" not in problem.message
    assert "hidden-part" not in (
        store_of(handle).objects.get(f"reports/{handle.run}/report.html").decode()
    )


def test_what_may_go_better_is_tried_three_times_and_what_may_not_once() -> None:
    for statuses, tries in (([500, 503, 200], 3), ([500], 3), ([404], 1), ([302], 1), ([429], 3)):
        with running(Receiver, statuses=[*statuses], sent=(sent := [])) as url:
            if statuses[-1] == 200:
                post(url, {"a": 1})
            else:
                with pytest.raises(NasError, match=f"it answers {statuses[-1]}"):
                    post(url, {"a": 1})
        assert len(sent) == tries, statuses


def test_who_hangs_or_trickles_is_left_alone_in_time(hanging: str) -> None:
    class Trickling(SmallServer):
        over: Event

        def post(self) -> None:
            self.body()
            while not self.over.wait(0.05):
                self.wfile.write(b"H")
                self.wfile.flush()

    over = Event()
    with running(Trickling, over=over) as trickling:
        for url in (hanging, trickling):
            began_s = time.monotonic()
            with pytest.raises(NasError, match=r"did not (answer within|take it: .*time)"):
                post(url, {}, within_s=0.3)
            assert time.monotonic() - began_s < 2
        over.set()


def test_an_address_may_name_what_is_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(Receiver, statuses=[200], sent=(sent := [])) as url:
        monkeypatch.setenv("HOOK_HOST", url)
        post("${HOOK_HOST}/$HOOK_HOST", {"a": 1})
        monkeypatch.setenv("HOOK_HOST", "file:///etc/passwd#")
        with pytest.raises(NasError, match="expected https"):
            post("$HOOK_HOST", {})
        monkeypatch.setenv("HOOK_HOST", f"{url}/services/key part")
        with pytest.raises(NasError, match=r"got one with blanks or other letters$"):
            post("$HOOK_HOST", {})
        monkeypatch.delenv("HOOK_HOST")
        with pytest.raises(NasError, match="no variable HOOK_HOST here"):
            post("$HOOK_HOST/x", {})

    assert sent == [{"a": 1}]


def test_a_user_and_a_password_in_an_address_are_told_as_browsers_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Guarded(SmallServer):
        def post(self) -> None:
            self.body()
            wanted = f"Basic {b64encode(b'me:p@ss word').decode()}"
            self.answer(200 if self.headers["Authorization"] == wanted else 401)

    with running(Guarded) as url:
        monkeypatch.setenv("NAS_WEBHOOK", url.replace("//", "//me:p%40ss%20word@"))
        post("$NAS_WEBHOOK", {})
        monkeypatch.setenv("NAS_WEBHOOK", url.replace("//", "//me:other@"))
        with pytest.raises(NasError, match=f"{url} did not take it: it answers 401$"):
            post("$NAS_WEBHOOK", {})

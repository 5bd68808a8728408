"""A small MLflow: as much of its server as its client asks of it for us."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from small_server import SmallServer, running

_CONDITION = re.compile(r"tags\.`([^`]+)` = '([^']*)'")


@dataclass
class Tracked:
    """A run."""

    info: dict[str, Any]
    tags: dict[str, str]
    params: dict[str, str] = field(default_factory=dict)
    metrics: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        newest = {metric["key"]: metric for metric in self.metrics}
        return {
            "info": self.info,
            "data": {
                "tags": [{"key": key, "value": value} for key, value in self.tags.items()],
                "params": [{"key": key, "value": value} for key, value in self.params.items()],
                "metrics": [*newest.values()],
            },
        }

    def curve(self, name: str) -> list[float]:
        """Return what was told of a number, by its steps."""
        found = [metric for metric in self.metrics if metric["key"] == name]
        return [metric["value"] for metric in sorted(found, key=lambda metric: metric["step"])]


class SmallMlflow(SmallServer):
    """One request to it."""

    experiments: dict[str, str]
    runs: dict[str, Tracked]
    asked: list[str]
    breaks_after: list[int]
    lost: list[int]
    pause_s: float

    def get(self) -> None:
        self._answer({key: each[0] for key, each in parse_qs(urlsplit(self.path).query).items()})

    def post(self) -> None:
        self._answer(json.loads(self.body() or b"{}"))

    def _answer(self, given: dict[str, Any]) -> None:
        call = urlsplit(self.path).path.partition("/mlflow/")[2]
        time.sleep(self.pause_s)
        with self.lock:
            self.asked.append(call)
            if self.breaks_after and len(self.asked) > self.breaks_after[0]:
                self._json({"error_code": "INTERNAL_ERROR", "message": "out of order"}, 500)
                return
            content, status = self._do(call, given)
            self._json(content, 500 if len(self.asked) in self.lost else status)

    def _do(self, call: str, given: dict[str, Any]) -> tuple[dict[str, Any], int]:
        match call:
            case "experiments/get-by-name":
                name = given["experiment_name"]
                if name not in self.experiments:
                    return {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": name}, 404
                return {"experiment": self._experiment(name)}, 200
            case "experiments/create":
                self.experiments[given["name"]] = str(len(self.experiments) + 1)
                return {"experiment_id": self.experiments[given["name"]]}, 200
            case "runs/create":
                return {"run": self._created(given).as_json()}, 200
            case "runs/search":
                return self._page([*self._found(given["filter"])], **given), 200
        run = self.runs[given.get("run_id") or given["run_uuid"]]
        match call:
            case "runs/get":
                return {"run": run.as_json()}, 200
            case "runs/update":
                run.info.update({k: v for k, v in given.items() if k in ("status", "end_time")})
                return {"run_info": run.info}, 200
            case "runs/delete":
                run.info["lifecycle_stage"] = "deleted"
            case "runs/log-metric":
                run.metrics.append(given)
            case "runs/log-batch":
                self._log(run, given)
            case _:
                return {"error_code": "ENDPOINT_NOT_FOUND", "message": call}, 404
        return {}, 200

    def _page(
        self, found: list[Tracked], *, max_results: int, page_token: str = "0", **_: Any
    ) -> dict[str, Any]:
        begin, end = int(page_token), int(page_token) + max_results
        more = {"next_page_token": str(end)} if end < len(found) else {}
        return {"runs": [run.as_json() for run in found[begin:end]], **more}

    def _log(self, run: Tracked, given: dict[str, Any]) -> None:
        run.metrics += given.get("metrics", [])
        params = {each["key"]: each["value"] for each in given.get("params", [])}
        assert run.params | params == params | run.params  # none changes
        run.params |= params

    def _experiment(self, name: str) -> dict[str, str]:
        return {
            "experiment_id": self.experiments[name],
            "name": name,
            "lifecycle_stage": "active",
            "artifact_location": "",
        }

    def _created(self, given: dict[str, Any]) -> Tracked:
        number = f"{len(self.runs) + 1:032x}"
        info = {
            "run_id": number,
            "run_uuid": number,
            "run_name": given["run_name"],
            "experiment_id": given["experiment_id"],
            "status": "RUNNING",
            "start_time": given["start_time"],
            "lifecycle_stage": "active",
            "artifact_uri": "",
        }
        tags = {each["key"]: each["value"] for each in given.get("tags", [])}
        self.runs[number] = Tracked(info, tags)
        return self.runs[number]

    def _found(self, wanted: str) -> Iterator[Tracked]:
        conditions = _CONDITION.findall(wanted)
        for run in self.runs.values():
            if run.info["lifecycle_stage"] == "active" and all(
                run.tags.get(key) == value for key, value in conditions
            ):
                yield run

    def _json(self, content: dict[str, Any], status: int = 200) -> None:
        self.answer(status, json.dumps(content).encode(), {"Content-Type": "application/json"})


@dataclass
class Mlflow:
    """One that runs.

    Attributes:
        url: Where.
        all_runs: Every run by its id, deleted ones too.
        asked: What was asked, in order.
        breaks_after: Empty, or after how many requests it answers 500.
        lost: Which requests it answers 500 though it has done what they asked for, from 1.
    """

    url: str
    all_runs: dict[str, Tracked] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    breaks_after: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)

    @property
    def runs(self) -> list[Tracked]:
        """The runs that are not deleted."""
        return [run for run in self.all_runs.values() if run.info["lifecycle_stage"] == "active"]

    @property
    def children(self) -> dict[str, Tracked]:
        """Those of children, by child; one that is there twice is an error."""
        found = [run for run in self.runs if "nas.child" in run.tags]
        by_child = {run.tags["nas.child"]: run for run in found}
        assert len(found) == len(by_child)
        return by_child

    @property
    def searches(self) -> list[Tracked]:
        """Those of searches, and of final trainings."""
        return [run for run in self.runs if "nas.child" not in run.tags]


@contextmanager
def running_mlflow(*, pause_s: float = 0.0) -> Iterator[Mlflow]:
    """Run one, which takes so long for each answer."""
    server = Mlflow("")
    with running(
        SmallMlflow,
        experiments={},
        runs=server.all_runs,
        asked=server.asked,
        breaks_after=server.breaks_after,
        lost=server.lost,
        pause_s=pause_s,
    ) as url:
        server.url = url
        yield server

"""No secret of a search's surroundings gets into what it prints, or into anything that it leaves.

The server sends back what it is asked, and the evaluation says what it finds in its environment.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from canaries import all_of, leaks
from echoing import CANARY, EchoingGCS
from nas_command import Nas
from searches import tabular
from small_gcs import BUCKET
from small_server import running

from nas_lib.config_file import to_yaml
from nas_lib.store import network

PLACE = f"gs://{BUCKET}/search"
SECRETS = {
    "AWS_SECRET_ACCESS_KEY": f"{CANARY}/SECRET+1234=",
    "NAS_KUBEFLOW_TOKEN": f"{CANARY}-KUBEFLOW",
    "MY_PASSWORD": "hunter2",
}


@pytest.fixture
def nas(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Nas:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return Nas(monkeypatch, capsys)


def silent(*texts: str) -> None:
    for text in texts:
        assert leaks(text, SECRETS) == []


def test_a_search_leaves_no_secret_behind(
    nas: Nas, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(network, "_GIVE_UP_AFTER_S", 0.2)
    config = tabular("searches:talkative", max_children=4, children={"max_attempts": 1})
    (tmp_path / "search.yaml").write_text(to_yaml(config))
    objects: dict[str, bytes] = {}
    refused: list[str] = []
    secrets = list(SECRETS.values())
    with running(EchoingGCS, objects=objects, status=418, refused=refused, secrets=secrets) as url:
        monkeypatch.setenv("GOOGLE_BASE_URL", url.replace("://", f"://me:{CANARY}-PASSWORD@"))
        monkeypatch.setenv("GCE_METADATA_HOST", url.removeprefix("http://"))
        search = ("search", "search.yaml", "--store", PLACE, "--workers", "1")
        code, *printed = nas(*search)
        assert code == 1  # all children crash alike
        silent(*printed)

        refused.append("leases")
        code, *printed = nas(*search)
        assert code == 1
        assert "cannot" in printed[1]
        silent(*printed)

        refused.clear()
        assert nas("report", PLACE, "-o", tmp_path / "report.html")[0] == 0
    silent((tmp_path / "report.html").read_text())
    assert [key for key in objects if key.endswith("failed.json")]  # with a traceback
    assert [key for key in objects if "/runs/" in key]
    assert "***" in "".join(str(data) for key, data in objects.items() if key.endswith("json"))
    for key, data in objects.items():
        silent(key, data.decode(errors="replace"))


TOLD = (f"http://me:{CANARY}@host", *SECRETS.values())  # a traceback shows lines of this file


def failing() -> int:
    try:
        raise ValueError(*TOLD)
    except ValueError as err:
        raise RuntimeError(f"I am {SECRETS['MY_PASSWORD']}") from err


def test_a_traceback_that_is_asked_for_is_without_secrets(
    nas: Nas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas_lib.cli.commands.run", failing)
    code, *printed = nas("top", PLACE)
    assert code == 1
    silent(*printed)
    monkeypatch.setenv("NAS_DEBUG", "1")
    with pytest.raises(RuntimeError) as caught:
        nas("top", PLACE)
    silent(all_of(caught.value))

"""The pipeline in containers of the image, against a real S3."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from container_image import Image
from kfp import local
from kfp_nas.pipelines.nas_search import nas_search
from s3_server import S3Server
from searches import SMALL_DIGITS, account

from nas_lib.config_file import resolve_config
from nas_lib.engine import search
from nas_lib.models import open_model
from nas_lib.open_search import OpenSearch
from nas_lib.steps import view_search

FINAL = {"follows": True, "top": 1, "seeds": 1, "retrain": False, "children": {"epochs": 1}}
pytestmark = [pytest.mark.container, pytest.mark.timeout(1800)]  # it may have to be built


def test_it_gives_the_children_and_rewards_of_a_search_on_this_machine(
    image: Image, s3_uri: str, s3_server: S3Server, tmp_path: Path
) -> None:
    torch_there = image.run("python3 -c 'import torch; print(torch.__version__)'").stdout.strip()
    if torch_there != torch.__version__:
        pytest.skip(f"torch is {torch_there} there and {torch.__version__} here")
    overrides = {**SMALL_DIGITS, "final": FINAL}
    config = resolve_config("digits", overrides, stored=None)
    artifacts = tmp_path / "artifacts"
    artifacts.mkdir()
    artifacts.chmod(0o777)  # for the container's user
    local.init(
        runner=local.DockerRunner(
            user="12345:0",
            read_only=True,
            tmpfs={"/tmp": ""},
            network_mode="host",
            environment=s3_server.environment,
        ),
        pipeline_root=str(artifacts),
    )

    nas_search(search_uri=s3_uri, preset="digits", overrides=overrides)

    # kfp takes a container that ends quickly for a success: what counts is the stored state
    there = view_search(OpenSearch(s3_uri))
    here = search(config, store=str(tmp_path / "state"), workers=1)
    assert [(row.id, row.architecture.config, row.reward) for row in there.rows] == account(here)
    assert there.finished
    assert there.problems == ()
    (final,), (final_here,) = there.finals, here.view.finals
    assert [row.reward for row in final.rows] == [row.reward for row in final_here.rows]
    assert final.test[0].score == final_here.test[0].score
    assert open_model(s3_uri).info.test.value == final.test[0].score

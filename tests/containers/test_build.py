"""How the image is built: which layers a change makes anew, and where PyTorch comes from."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import docker
import pytest
from container_image import Image
from kfp_nas.components.image import IMAGE

pytestmark = [pytest.mark.container, pytest.mark.timeout(1800)]  # it may have to be built

ROOT = Path(__file__).parents[2]
OTHER = "kfp-nas:of-other-sources"
SMALL = 20 * 2**20


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Return a copy of all that is built from."""
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    taken = [name.removeprefix("!") for name in ignored if name.startswith("!")]
    for name in (".dockerignore", "Dockerfile", "Makefile", *taken):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name)
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def make_image(sources: Path, *variables: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "image", f"IMAGE={OTHER}", *variables]
    return subprocess.run(command, cwd=sources, capture_output=True, text=True)


def test_a_change_of_our_code_makes_none_but_the_last_small_layer_anew(
    image: Image, engine: docker.DockerClient, sources: Path
) -> None:
    with (sources / "nas_lib" / "__init__.py").open("a") as module:
        module.write("# another\n")

    built = make_image(sources)

    assert built.returncode == 0, built.stdout + built.stderr
    other = engine.images.get(OTHER)
    try:
        before = engine.images.get(IMAGE).attrs["RootFS"]["Layers"]
        *kept, last = other.attrs["RootFS"]["Layers"]
        assert kept == before[:-1]
        assert last != before[-1]
        sizes = [step["Size"] for step in other.history() if "COPY" in step["CreatedBy"]]
        assert 0 < sizes[0] < SMALL < sizes[1]  # the newest comes first
    finally:
        engine.images.remove(OTHER)


def test_without_a_torch_to_be_had_a_build_ends_with_what_to_do(
    engine: docker.DockerClient, sources: Path
) -> None:
    shutil.rmtree(sources / "wheels", ignore_errors=True)

    built = make_image(sources, "TORCH_INDEX=file:///nowhere")

    assert built.returncode != 0
    assert (
        " at file:///nowhere: put a wheel of torch into wheels/, name another index by "
        "TORCH_INDEX=..., or take PyPI's, with CUDA, by TORCH=cuda\n"
    ) in built.stdout + built.stderr


def test_a_torch_that_there_is_not_is_refused(engine: docker.DockerClient, sources: Path) -> None:
    built = make_image(sources, "TORCH=gpu")

    assert built.returncode != 0
    assert "TORCH should be cpu or cuda, got gpu\n" in built.stdout + built.stderr

"""The manifests as a user has them, and what kubectl makes of each overlay."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from kustomized import OVERLAYS, Build, Resource, as_a_user_has_them, kustomize, parsed


@pytest.fixture(scope="session")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return as_a_user_has_them(tmp_path_factory.mktemp("kustomize") / "manifests")


@pytest.fixture(scope="session")
def build(manifests: Path) -> Build:
    """Build an overlay, once."""

    @cache
    def built(overlay: str) -> str:
        result = kustomize(manifests / "overlays" / overlay)
        assert (result.returncode, result.stderr) == (0, "")  # no warnings either
        return result.stdout

    return lambda overlay: parsed(built(overlay))


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def resources(overlay: str, build: Build) -> list[Resource]:
    return build(overlay)

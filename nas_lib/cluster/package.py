"""The pipelines as packages that Kubeflow takes: which one a search needs, and compiling it."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any, Final

from nas_lib import __version__
from nas_lib.config import MOST_TASKS, FanOut, SearchConfig
from nas_lib.errors import ConfigError, MissingExtraError, one_line
from nas_lib.procedures import PipelineForm, pipeline_form, pipeline_forms, procedure_of

FAMILIES = tuple(form.name for form in pipeline_forms())
"""Of pipelines: one for each procedure, in which every fan-out is a pipeline."""
_CLAIM: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


def pipeline_name(family: str, fanout: FanOut) -> str:
    """Return the name of the pipeline of this family whose children become pods in this way.

    Raises:
        ConfigError: There is none.
    """
    fanout = _fanout(_form(family), fanout)
    return family if fanout == "tasks" else f"{family}-{fanout}"


def pipeline_of(config: SearchConfig) -> str:
    """Return the name of the pipeline that a search runs in.

    Raises:
        ConfigError: Its procedure does not run on Kubeflow.
    """
    form = pipeline_form(config)
    fits = procedure_of(config).children_per_round <= MOST_TASKS
    fanout = config.resources.fanout or (form.fanouts[0] if fits else "jobs")
    return pipeline_name(form.name, fanout)


def usual_fanout(family: str) -> FanOut:
    """Return how children of this family's pipelines become pods where nobody says it."""
    return _form(family).fanouts[0]


def _form(family: str) -> PipelineForm:
    return next(form for form in pipeline_forms() if form.name == family)


def _fanout(form: PipelineForm, fanout: FanOut) -> FanOut:
    """Return the fan-out, if there is a pipeline of it.

    Raises:
        ConfigError: There is none.
    """
    if fanout not in form.fanouts:
        there = " and ".join(form.fanouts)
        raise ConfigError(f"the pipeline {form.name} has the fan-out {there} only, got {fanout}")
    return fanout


def compile_pipeline(pipeline: str, path: Path, *, image: str | None = None) -> None:
    """Compile a pipeline to the YAML that Kubeflow's UI and API take.

    Args:
        pipeline: Its name.
        path: The file to write.
        image: The image that all tasks run in; by default that of NAS_IMAGE, or this release's.

    Raises:
        ConfigError: Kubeflow's SDK is not installed, or the file cannot be written.
    """
    _compile(pipeline, path, image)


def compile_resources(
    pipeline: str, path: Path, *, image: str | None = None, namespace: str | None = None
) -> None:
    """Compile the pipeline to the resources Pipeline and PipelineVersion, for `kubectl apply`.

    Args:
        pipeline: Its name.
        path: The file to write.
        image: As for `compile_pipeline`.
        namespace: Of the resources; None leaves it to kubectl.

    Raises:
        ConfigError: As for `compile_pipeline`.
    """
    _compile(pipeline, path, image)
    options = {
        "pipeline_name": pipeline,
        "pipeline_version_name": f"{pipeline}-{version_name(path)}",  # a version cannot change
        "pipeline_version_display_name": version_name(path),
        "namespace": namespace,
        "include_pipeline_manifest": True,
    }
    _compile(pipeline, path, image, options)


def version_name(path: Path) -> str:
    """Return what a compiled pipeline is called: the release, and a hash of what is in it."""
    return f"{__version__}-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}"


def _compile(
    pipeline: str, path: Path, image: str | None, resources: dict[str, Any] | None = None
) -> None:
    if image is not None:
        os.environ["NAS_IMAGE"] = image  # read when the components are imported
    claim = os.environ.get("NAS_DATA_CLAIM") or ""  # as is this one
    if claim and not _CLAIM.fullmatch(claim):
        raise ConfigError(
            "NAS_DATA_CLAIM or --data-claim should name a PersistentVolumeClaim, in small "
            f"letters, digits, dots and dashes, got {one_line(repr(claim), 100)}"
        )
    try:
        from kfp.compiler import Compiler
        from kfp.compiler.compiler_utils import KubernetesManifestOptions
        from kfp_nas import pipelines
        from kfp_nas.components.image import IMAGE
        from kfp_nas.pipelines.state import DATA_CLAIM
    except ModuleNotFoundError as err:
        what = "compiling needs Kubeflow Pipelines' SDK"
        raise MissingExtraError(what, "kubeflow", err) from err
    if image not in (None, IMAGE):
        raise ConfigError(f"this process compiles for {IMAGE} already, and cannot for {image}")
    if claim != DATA_CLAIM:
        raise ConfigError(
            f"this process compiles for the claim {DATA_CLAIM or 'of no name'} already, and cannot "
            f"for {claim or 'none'}"
        )
    try:
        found = pipelines.find(pipeline)
    except ValueError as err:
        raise ConfigError(f"NAS_DATA_MEMORY says what is no memory: {one_line(err)}") from err
    try:
        Compiler().compile(
            found,
            str(path),
            kubernetes_manifest_format=resources is not None,
            kubernetes_manifest_options=KubernetesManifestOptions(**(resources or {})),
        )
    except OSError as err:
        raise ConfigError(f"cannot write {path}: {err.strerror}") from err

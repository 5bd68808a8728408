"""What runs need at Kubeflow Pipelines: a version of the pipeline, and an experiment."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import kfp_server_api as kfp

from nas_lib import __version__
from nas_lib.cluster.idempotent_create import find_or_create
from nas_lib.cluster.kubeflow_api import KubeflowApi
from nas_lib.cluster.kubeflow_runs import Version
from nas_lib.cluster.package import compile_pipeline, version_name


def published(api: KubeflowApi, name: str, *, image: str | None = None) -> Version:
    """Return this release's version of a pipeline, uploaded unless it is there.

    Args:
        api: Where.
        name: The pipeline's.
        image: That its tasks run in, by default as for `compile_pipeline`.
    """
    pipeline = _pipeline(api, name)  # before compiling, which takes longer than a refusal
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{name}.yaml")
        compile_pipeline(name, path, image=image)
        version = version_name(path)
        versions = api.pipelines.pipeline_service_list_pipeline_versions
        found = find_or_create(
            lambda: api.find(version, versions, "pipeline_versions", pipeline),
            lambda: _upload(api, pipeline, name, path),
        )
    return Version(pipeline, found.pipeline_version_id, name, version)


def experiment(api: KubeflowApi, name: str) -> str:
    """Return the id of the experiment of this name, made unless it is there."""
    service = api.experiments
    what, create = f"make the experiment {name}", service.experiment_service_create_experiment
    body = kfp.V2beta1Experiment(display_name=name, namespace=api.namespace)
    listing = service.experiment_service_list_experiments
    found = find_or_create(
        lambda: api.find(name, listing, "experiments", namespace=api.namespace),
        lambda: api.ask(what, create, body),
    )
    return str(found.experiment_id)


def _pipeline(api: KubeflowApi, name: str) -> str:
    service = api.pipelines
    what, create = f"make the pipeline {name}", service.pipeline_service_create_pipeline
    body = kfp.V2beta1Pipeline(
        name=name,
        display_name=name,
        namespace=api.namespace,
        description="Neural architecture search (kfp-nas).",
    )
    listing = service.pipeline_service_list_pipelines
    found = find_or_create(
        lambda: api.find(name, listing, "pipelines", namespace=api.namespace),
        lambda: api.ask(what, create, body),
    )
    return str(found.pipeline_id)


def _upload(api: KubeflowApi, pipeline: str, name: str, path: Path) -> Any:
    version = version_name(path)
    return api.ask(
        f"upload the pipeline {name} {version}",
        api.uploads.upload_pipeline_version,
        str(path),
        pipelineid=pipeline,
        name=f"{name}-{version}",
        display_name=version,
        description=f"kfp-nas {__version__}",
    )

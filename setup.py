"""Puts `components` and `pipelines` under a prefix of their own; all else is in pyproject.toml."""

from setuptools import find_packages, setup

KUBEFLOW = ("components", "pipelines")

setup(
    packages=[
        *find_packages(include=["nas_lib", "nas_lib.*"]),
        *(
            f"kfp_nas.{package}"
            for package in find_packages(
                include=[f"{name}{end}" for name in KUBEFLOW for end in ("", ".*")],
                exclude=["*.tests"],
            )
        ),
    ],
    package_dir={f"kfp_nas.{name}": name for name in KUBEFLOW},
)

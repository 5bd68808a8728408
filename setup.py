"""What pyproject.toml cannot say; all else is there."""

import re
from pathlib import Path

from setuptools import find_packages, setup

KUBEFLOW = ("components", "pipelines")
LINK = re.compile(r"\[([^]]+)\]\((?!https?://)([^)]+)\)")


def readme() -> str:
    """Return the README for an index of packages, where links into the repository lead nowhere."""
    text = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
    return LINK.sub(lambda link: link[1] if link[1] == link[2] else f"{link[1]} ({link[2]})", text)


setup(
    long_description=readme(),
    long_description_content_type="text/markdown",
    packages=[
        *find_packages(include=["nas_lib", "nas_lib.*"]),
        # `components` and `pipelines` under a prefix of their own
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

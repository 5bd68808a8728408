# One image for every component and for the command `nas`. `make image` builds it.
#   --build-arg TORCH=cuda       with PyTorch for NVIDIA GPUs, from PyPI; cpu is the default
#   --build-arg TORCH_INDEX=...  PyTorch from this index; for cpu the default is PyTorch's own
#   --build-arg PIP_NO_INDEX=1   from wheels alone: all that is needed lies in wheels/
#   --build-arg BASE=...         another base, or a certain one: python:3.11-slim@sha256:...
#   --build-arg VERSION=...      for the label; make takes it from nas_lib

ARG BASE=python:3.11-slim

# What we depend on, by itself: nothing else in pyproject.toml is to have it installed again.
FROM $BASE AS requirements
COPY pyproject.toml /
RUN python3 -c 'import tomllib; \
        project = tomllib.load(open("/pyproject.toml", "rb"))["project"]; \
        extras = project["optional-dependencies"]; \
        names = ("digits", "forest", "kubeflow", "mlflow", "models", "serve", "tables", "translation"); \
        asked = [each for name in names for each in extras[name]]; \
        print(*dict.fromkeys([*project["dependencies"], *asked]), sep="\n")' \
        > /requirements.txt

FROM $BASE AS dependencies
ARG TORCH=cpu
ARG TORCH_INDEX
ARG PIP_NO_INDEX
WORKDIR /build
RUN python3 -m venv --without-pip /opt/nas
COPY --from=requirements /requirements.txt .
COPY image/dependencies.sh .
COPY constraints.txt wheel[s] wheels/
RUN sh dependencies.sh

# Our own code, apart: a change of it changes a small layer.
FROM dependencies AS own
ARG PIP_NO_INDEX
COPY . source
RUN python3 -m pip --python /opt/nas/bin/python3 install --no-cache-dir --no-deps \
        --find-links wheels --root /own ./source

FROM $BASE
# Runs as any user: clusters that pick one give it the group 0. With a read-only root file system
# it needs nothing but a writable /tmp.
RUN useradd --uid 1000 --gid 0 --create-home --home-dir /home/nas nas && chmod g=u /home/nas
WORKDIR /home/nas
COPY --from=dependencies /opt/nas /opt/nas
COPY --from=own /own/opt/nas /opt/nas
ENV PATH=/opt/nas/bin:$PATH \
    HOME=/home/nas \
    NAS_CACHE=/tmp/nas-cache \
    ORT_DISABLE_TELEMETRY=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 1000
CMD ["nas", "--help"]
ARG BASE
ARG VERSION
LABEL org.opencontainers.image.title="kfp-nas" \
    org.opencontainers.image.description="Neural architecture search, as Kubeflow components" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.base.name="$BASE"

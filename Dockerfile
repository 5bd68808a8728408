# One image for every component and for the command `nas`. `make image` builds it.
#   --build-arg TORCH=cuda   with PyTorch for NVIDIA GPUs; cpu is the default
#   --build-arg VERSION=...  for the label; make takes it from nas_lib

FROM python:3.11-slim AS build
ARG TORCH=cpu
WORKDIR /build
RUN python3 -m venv --without-pip /opt/nas

# What we depend on, in a layer that changes of our own code leave alone. Wheels of the context's
# folder wheels/, if it has one, come before those of the indexes; PyPI has no torch without CUDA.
COPY pyproject.toml constraints.txt wheel[s] wheels/
RUN python3 -c 'import tomllib; \
        project = tomllib.load(open("wheels/pyproject.toml", "rb"))["project"]; \
        extras = project["optional-dependencies"]; \
        print(*project["dependencies"], *extras["digits"], *extras["kubeflow"], sep="\n")' \
        > requirements.txt \
    && torch=$(sed -n 's/^torch==//p' wheels/constraints.txt) \
    && if [ "$TORCH" = cuda ]; then \
        rm -f wheels/torch-*+cpu-*; \
    elif ! ls wheels/torch-$torch+cpu-*; then \
        python3 -m pip download --no-cache-dir --no-deps --dest wheels \
            --index-url https://download.pytorch.org/whl/cpu torch==$torch; \
    fi \
    && python3 -m pip --python /opt/nas/bin/python3 install --no-cache-dir --find-links wheels \
        --constraint wheels/constraints.txt --requirement requirements.txt

COPY . source
RUN python3 -m pip wheel --no-cache-dir --no-deps --wheel-dir dist ./source \
    && python3 -m pip --python /opt/nas/bin/python3 install --no-cache-dir --no-deps dist/*.whl

FROM python:3.11-slim
ARG VERSION
LABEL org.opencontainers.image.title="kfp-nas" \
    org.opencontainers.image.description="Neural architecture search, as Kubeflow components" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="$VERSION"

# Runs as any user: clusters that pick one give it the group 0. With a read-only root file system
# it needs nothing but a writable /tmp.
RUN useradd --uid 1000 --gid 0 --create-home --home-dir /home/nas nas && chmod g=u /home/nas
COPY --from=build /opt/nas /opt/nas
ENV PATH=/opt/nas/bin:$PATH \
    HOME=/home/nas \
    NAS_CACHE=/tmp/nas-cache \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 1000
WORKDIR /home/nas
CMD ["nas", "--help"]

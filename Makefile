# Each target sets itself up in .venv, from the versions in constraints.txt.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
RELEASE := .venv-release/bin
CHECKOV := .venv-checkov/bin/checkov
DOCKER ?= docker
BASE ?= python:3.11-slim
TORCH ?= cpu
TORCH_INDEX ?=
VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' nas_lib/__init__.py)
IMAGE ?= kfp-nas:$(VERSION)

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[bench,digits,forest,kubeflow,mlflow,models,serve,tables,translation,dev]'
	touch $@

.PHONY: setup
setup: $(READY) ## Install everything into .venv

.PHONY: demo
demo: $(READY) ## Search a network for handwritten digits, from the start (minutes)
	rm -rf runs/demo
	$(BIN)/nas search digits --store runs/demo --workers 2

# Hundreds of processes are started there, and none is to compile all of nas_lib anew. Three at a
# time keep two cores at work: a test often waits, for a process or for a clock.
.PHONY: test
test: export PYTHONDONTWRITEBYTECODE :=
test: lint ## Lint and run the whole test suite
	$(BIN)/pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

# A virtual environment of its own, as for checkov: with what builds, checks and installs a release.
$(RELEASE):
	$(PYTHON) -m venv .venv-release
	$@/pip install --quiet --disable-pip-version-check \
		build==1.6.1 pipx==1.18.4 twine==7.0.0 uv==0.13.9 || { rm -r .venv-release; exit 1; }

# Of what git has: nothing else that lies here is released.
.PHONY: dist
dist: $(RELEASE) ## Build what is released: an sdist, and from that a wheel
	rm -rf build/release dist
	mkdir -p build/release
	git ls-files -z | tar --create --null --files-from - | tar --extract --directory build/release
	$(RELEASE)/python -m build --outdir dist build/release >build/release.log \
		|| { cat build/release.log; exit 1; }
	$(RELEASE)/twine check --strict dist/*

.PHONY: test-install
test-install: dist wheels ## Install what is released from a folder of wheels, and search there
	$(BIN)/pytest -m install tests/installing

.PHONY: test-pythons
test-pythons: ## Run the tests that need no torch with Python 3.12 and 3.13, where they are
	.ci/test-python 3.12
	.ci/test-python 3.13

.PHONY: image
image: ## Build the image kfp-nas:<version>, with PyTorch for CPUs or TORCH=cuda
	$(DOCKER) build --build-arg BASE=$(BASE) --build-arg VERSION=$(VERSION) \
		--build-arg TORCH=$(TORCH) --build-arg TORCH_INDEX=$(TORCH_INDEX) --tag $(IMAGE) .

# Results are bit-equal only with the same torch: the image takes the one of .venv, where that is
# a build for CPUs. From PyPI it is one for CUDA, and then the Dockerfile fetches another.
.PHONY: wheels
wheels: $(READY)
	torch=$$($(BIN)/python -c 'from importlib.metadata import version; print(version("torch"))') \
	&& case $$torch in *+cpu) $(BIN)/pip download --quiet --no-deps --dest wheels torch==$$torch;; esac

.PHONY: test-container
test-container: wheels ## Build the image and test it, on the engine that DOCKER_HOST names
	$(BIN)/pytest -m container tests/containers

.PHONY: test-cluster
test-cluster: wheels ## Search in the Kubernetes cluster that KUBECONFIG names
	@test -n "$$KUBECONFIG" || { echo "KUBECONFIG should name a cluster, and is not set"; exit 1; }
	$(BIN)/pytest -m cluster tests/cluster

# A virtual environment of its own: checkov pins what we pin otherwise.
$(CHECKOV):
	$(PYTHON) -m venv .venv-checkov
	.venv-checkov/bin/pip install --quiet --disable-pip-version-check checkov==3.3.30

.PHONY: check-manifests
check-manifests: $(READY) $(CHECKOV) ## Run checkov over each overlay of manifests/
	$(BIN)/python tests/manifests/kustomized.py build/manifests
	for file in build/manifests/*.yaml; do \
		$(CHECKOV) --config-file manifests/checkov.yaml --file "$$file" || exit 1; done

# Likewise: torchvision, which timm imports, goes with one release of torch, on some machines not
# with ours.
TIMM := .venv-timm/bin
$(TIMM):
	$(PYTHON) -m venv .venv-timm
	$@/pip install --quiet --disable-pip-version-check \
		timm==1.0.31 torch==2.14.1 torchvision==0.29.1 numpy==2.4.6 || { rm -r .venv-timm; exit 1; }

.PHONY: check-timm
check-timm: $(READY) $(TIMM) ## Compare NASNet-A with timm's, the large one too
	$(TIMM)/python tests/networks/timm_outputs.py build/timm.json --large
	$(BIN)/pytest -m timm tests/networks/test_as_timm.py

# Beside .venv, not in it: playwright brings a Node.js of 120 MB, which nothing else wants.
DRIVER := .venv-driver
$(DRIVER): | $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --target $@ \
		playwright==1.65.2 pyee==13.0.1 axe-playwright-python==0.1.8 || { rm -rf $@; exit 1; }

.PHONY: test-report
test-report: export NAS_CHROMIUM ?= $(shell command -v chromium || command -v google-chrome)
test-report: $(DRIVER) ## Look at the pages of reports in Chromium: three widths, dark, on paper
	@test -x "$$NAS_CHROMIUM" || { echo "NAS_CHROMIUM should name a Chromium, where none is on the" \
		"path: apt-get install chromium brings one"; exit 1; }
	PYTHONPATH=$(DRIVER) $(BIN)/pytest -m browser tests/report/test_in_browser.py \
		tests/serving/test_watched_in_browser.py

.PHONY: test-faults
test-faults: $(READY) ## Break searches in every way known, at length (minutes)
	$(BIN)/pytest -m '' tests/faults --account benchmarks/results/faults.json

.PHONY: lint
lint: $(READY) ## ruff, mypy --strict on nas_lib, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: $(READY) ## Rewrite the code in the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: generated
generated: $(READY) ## Write compiled pipelines and the components' READMEs again
	for family in nas enas; do for fanout in tasks jobs pod; do \
		(cd pipelines/$${family}_search && $(CURDIR)/$(BIN)/nas compile $$family-search \
			--fanout $$fanout) || exit; done; done
	cd pipelines/transfer && $(CURDIR)/$(BIN)/nas compile transfer
	$(BIN)/python -m kfp_nas.components.readme

# What a release's images hold: each file by its hash, for Linux on x86-64 and Python 3.11.
LOCK = $(PYTHON) -m pip --isolated install --quiet --dry-run --ignore-installed --report - \
	--constraint constraints.txt '.[digits,forest,kubeflow,mlflow,models,serve,tables,translation]' setuptools
TORCH_FOR_CPUS = $(shell grep '^torch==' constraints.txt)+cpu
.PHONY: locks
locks: SHELL := bash
locks: .SHELLFLAGS := -o pipefail -c
locks: ## Write image/*.lock again: all that a release's images hold, with hashes
	ls wheels/torch-*+cpu-*.whl || $(PYTHON) -m pip download --no-deps --dest wheels \
		--index-url $(or $(TORCH_INDEX),https://download.pytorch.org/whl/cpu) $(TORCH_FOR_CPUS)
	$(LOCK) --find-links wheels $(TORCH_FOR_CPUS) | $(PYTHON) image/lock.py > image/cpu.lock
	$(LOCK) | $(PYTHON) image/lock.py > image/cuda.lock

.PHONY: bench
bench: $(READY) ## Measure speeds (minutes, on an idle machine)
	$(BIN)/python -m benchmarks --json benchmarks/results/speed.json

.PHONY: clean
clean: ## Remove the environment and all caches, but no searches
	rm -rf $(VENV) .venv-* wheels build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

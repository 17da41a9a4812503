# Everything a person runs. `make` alone explains itself.

# The first Python of 3.11 or newer that is on the path.
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(if $(shell command -v $(name)),$(name))))
VENV := .venv
BIN := $(VENV)/bin
RELEASE := deploy/releases/completejourney
# With seeds 2 and 7 one of the demo's ten users has 5 of 10 items from departments of the last 20 purchases; its check promises 6.
RELEASE_SEED := 1
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# PyTorch's own index has CPU builds (200 MB); PyPI's build for Linux brings gigabytes of CUDA along.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

# onnxruntime's wheel would report home and make a folder in the home directory.
export ORT_DISABLE_TELEMETRY := 1
export PYTHONDONTWRITEBYTECODE := 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint type protos lock bench bench-sweep bench-filters loadtest quality release model-repository dashboards dashboard-pictures gpu-names gpu-check secrets up up-gpu down test-compose clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F'\t' '{printf "  make %-18s %s\n", $$1, $$2}'

$(VENV)/pip.done:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or name it with PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than 3.11: name another with PYTHON=..."; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/serve.done: $(VENV)/pip.done deploy/requirements/serve.txt pyproject.toml
	@echo "installing the serving environment into $(VENV) ..."
	@$(PIP_INSTALL) --require-hashes -r deploy/requirements/serve.txt
	@$(PIP_INSTALL) --no-deps -e .
	@touch $@

$(VENV)/dev.done: $(VENV)/serve.done deploy/requirements/dev.txt deploy/requirements/torch.txt
	@echo "installing the development environment into $(VENV) ..."
	@$(PIP_INSTALL) --require-hashes -r deploy/requirements/dev.txt
	@$(PIP_INSTALL) --retries 1 --extra-index-url $(TORCH_INDEX) -r deploy/requirements/torch.txt
	@touch $@

demo: $(VENV)/serve.done ## the embedded cluster on the shipped release, recommendations on the screen (ONCE=1: then end)
	@$(BIN)/shortlist demo --release $(RELEASE) $(if $(ONCE),--once)

test: $(VENV)/dev.done lint type ## environment, lint, types and the test suite
	@$(BIN)/python -m pytest -m "not slow"

test-all: $(VENV)/dev.done lint type ## the same with the slow tests
	@$(BIN)/python -m pytest

lint: $(VENV)/dev.done ## ruff and the import contracts
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports

type: $(VENV)/dev.done ## mypy, strict
	@$(BIN)/mypy && $(BIN)/mypy deploy/grafana

protos: $(VENV)/dev.done ## write services/shortlist/v1 and the edge's descriptor from protos/
	@cd protos && PATH="$(CURDIR)/$(BIN):$$PATH" && \
		google=$$(python -c 'import google.api.http_pb2 as m, pathlib; print(pathlib.Path(m.__file__).parents[2])') && \
		python -m grpc_tools.protoc -I. -I"$$google" --python_out=../services --grpc_python_out=../services \
		--mypy_out=quiet:../services --mypy_grpc_out=quiet:../services \
		--include_imports --descriptor_set_out=../deploy/envoy/shortlist.binpb shortlist/v1/*.proto

LOCK = $(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header
LOCKED := deploy/requirements
# What each peer of the benchmark needs besides its framework: the same kernels as ours, and the fast parts that it takes.
PEER_KERNELS := numpy numba faiss-cpu onnxruntime redis[hiredis] pydantic-settings orjson uvloop httptools
PEER_fastapi := fastapi uvicorn
PEER_litserve := litserve
PEER_bentoml := bentoml
PEER_ray := ray[serve]

lock: $(VENV)/dev.done ## write deploy/requirements from pyproject.toml
	@echo 'torch ; python_version < "3"' > $(VENV)/without-torch.txt
	@$(LOCK) pyproject.toml --extra cpu --extra fast --extra local -o $(LOCKED)/serve.txt
	@$(LOCK) pyproject.toml --extra cpu --extra fast --extra local --extra trace --extra train --extra dev --extra loadtest \
		--override $(VENV)/without-torch.txt -c $(LOCKED)/serve.txt -o $(LOCKED)/dev.txt
	@$(LOCK) pyproject.toml --extra cpu --extra fast --extra trace -c $(LOCKED)/dev.txt -o $(LOCKED)/gateway.txt
	@$(LOCK) pyproject.toml --extra gpu --extra fast --extra trace -c $(LOCKED)/dev.txt -o $(LOCKED)/gpu.txt
	@$(LOCK) pyproject.toml --extra loadtest -c $(LOCKED)/dev.txt -o $(LOCKED)/loadtest.txt
	@$(LOCK) pyproject.toml --extra cpu --extra train \
		--override $(VENV)/without-torch.txt -c $(LOCKED)/dev.txt -o $(LOCKED)/trainer.txt
	@echo onnxruntime | $(LOCK) - -c $(LOCKED)/dev.txt -o $(LOCKED)/triton.txt
	@$(foreach peer,fastapi litserve bentoml ray,printf '%s\n' $(PEER_KERNELS) $(PEER_$(peer)) | \
		$(LOCK) - -c $(LOCKED)/serve.txt -o loadtest/peers/requirements/$(peer).txt &&) true

bench: $(VENV)/dev.done ## us, four peers and the bare kernels in rounds (an hour and more): docs/benchmarks.md, and the goals
	@$(BIN)/python -m loadtest.bench $(BENCH)

bench-sweep: $(VENV)/dev.done ## run each peer in every sensible way (30 minutes, goes on where it stopped); loadtest/peers/sweep.json
	@$(BIN)/python -m loadtest.peers.sweep $(SWEEP)

bench-filters: $(VENV)/dev.done ## filtered searches of a million items by the share kept
	@$(BIN)/python -m loadtest.filters

quality: $(VENV)/dev.done ## train and measure on real logs (hours), write docs/quality.md and docs/compression.md: QUALITY="--online-retail DIR --movielens DIR"
	@$(BIN)/python -m shortlist.offline.quality --ablation $(QUALITY)
	@$(BIN)/python -m loadtest.served_quality $(QUALITY)
	@$(BIN)/python -m shortlist.offline.quality $(QUALITY)

release: $(VENV)/dev.done ## train the shipped release again, beside the old one, then replace it
	@rm -rf $(RELEASE).new
	@$(BIN)/shortlist train --dataset completejourney --seed $(RELEASE_SEED) --out $(RELEASE).new
	@rm -rf $(RELEASE) && mv $(RELEASE).new $(RELEASE)
	@$(MAKE) --no-print-directory model-repository

model-repository: $(VENV)/serve.done ## render model_repository/ from the shipped release, for a bare tritonserver
	@$(BIN)/python -m shortlist.ranking.render $(RELEASE) model_repository

dashboards: $(VENV)/dev.done ## write deploy/grafana/dashboards from their code
	@PYTHONPATH=services:. $(BIN)/python -m deploy.grafana.build

dashboard-pictures: $(VENV)/dev.done ## draw docs/dashboards from a run with faults on the shipped release
	@PYTHONPATH=services:tests:. $(BIN)/python -m loadtest.dashboard_pictures --release $(RELEASE)

loadtest: $(VENV)/dev.done ## Locust for a minute against the embedded cluster: a table, and var/loadtest/report.html
	@$(BIN)/python -m loadtest.run_locust --release $(RELEASE) $(LOADTEST)

gpu-names: ## check the FAISS names that the GPU engine uses against the faiss-gpu wheel, in an environment of its own
	@test -d $(VENV)-gpu || { $(PYTHON) -m venv $(VENV)-gpu && $(VENV)-gpu/bin/python -m pip install --quiet "faiss-gpu==1.15.1" "numpy<3" pytest pytest-timeout; }
	@PYTHONPATH=services:tests $(VENV)-gpu/bin/python -m pytest -q -p no:cacheprovider --noconftest -o addopts="" tests/gpu/check_names.py

gpu-check: ## on a machine with a GPU: the index contract on the real device
	@PYTHONPATH=services:tests $(BIN)/python -m pytest -q --noconftest -o addopts="" tests/gpu/check_device.py

# Compose is a plugin of Docker today and was a program of its own.
COMPOSE = $(if $(shell docker compose version 2>/dev/null),docker compose,docker-compose)

secrets: ## write development secrets and certificates into deploy/secrets, where they are missing
	@deploy/secrets.sh deploy/secrets

up: secrets ## the cluster in containers: docker compose up, in the background
	@$(COMPOSE) up -d --build
	@echo "edge        http://localhost:8080/v1/users/1/recommendations"
	@echo "grafana     http://localhost:3000"
	@echo "prometheus  http://localhost:9090"

up-gpu: secrets ## the same on a GPU: Triton with TensorRT, the index on faiss-gpu
	@deploy/check-gpu.sh
	@COMPOSE_FILE=deploy/compose.yaml:deploy/compose.gpu.yaml COMPOSE_PROFILES=retrieval \
		SHORTLIST_GATEWAY_RETRIEVAL_ADDRESS=dns:///retrieval:50061 $(COMPOSE) up -d --build

down: ## stop the containers; volumes stay
	@$(COMPOSE) down

test-compose: $(VENV)/dev.done ## the compose stack end to end, where a Docker engine is
	@$(BIN)/python -m pytest -m slow tests/e2e/test_compose.py

clean: ## remove the environments and caches
	@rm -rf $(VENV) $(VENV)-gpu .mypy_cache .ruff_cache .pytest_cache .hypothesis build

# Every target sets up .venv the first time, and after requirements.lock or pyproject.toml changed.
#   make run ARGS="--data photos"   passes arguments on
#   make test PYTHON=3.12           uses another Python than the newest that suits this machine
# make itself exits with 2 when a command fails; `.venv/bin/siamese run` keeps its own exit codes.

.DEFAULT_GOAL := help
BIN := .venv/bin
CLIENT := .venv-kubeflow
# Without its compiled modules TensorFlow's import takes three times as long.
unexport PYTHONDONTWRITEBYTECODE
# Absolute names last: the PATH may have only a pyenv shim, which fails where its version is missing.
PYTHONS := "$(CURDIR)/$(BIN)/python" python3 python python3.13 python3.12 python3.11 python3.10 python3.9 \
  /usr/bin/python3 /usr/local/bin/python3

.PHONY: help setup run test test-fast test-current test-fuzz test-s3 check format lock kubeflow-client bench reference picture clean

help: ## List the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r name text; do \
	  printf '  make %-17s%s\n' "$$name" "$$text"; done

setup: ## Make or repair .venv only
	@cd / && for python in $(PYTHONS); do \
	  if "$$python" -S -c 'import shutil, sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then \
	    exec "$$python" -IS "$(CURDIR)/scripts/bootstrap.py"; \
	  fi; \
	done; echo "error: no python3 with its standard library on the PATH: install your system's" >&2; exit 2

run: setup ## Run the pipeline here, by default on the digits that ship with scikit-learn (ARGS="--data DIR ...")
	@$(BIN)/siamese run $(ARGS)

# By file, because of expensive fixtures; a process with all of TFX takes up to 3 GB.
SPREAD := --numprocesses auto --maxprocesses 4 --dist loadfile
test: setup kubeflow-client ## Run all tests (ARGS="-k gate")
	@$(BIN)/python -m pytest $(SPREAD) $(ARGS)

test-fast: setup kubeflow-client ## Run the fast tests: all but those of entire pipelines
	@$(BIN)/python -m pytest -m "not e2e" $(SPREAD) $(ARGS)

test-current: ## Run the fast tests and the default run on the current stack, in a fresh Debian 13 (needs root and debootstrap)
	@scripts/in_debian13.sh make test-fast run

test-fuzz: setup ## Mutate image files for ten minutes
	@FUZZ_SECONDS=600 $(BIN)/python -m pytest tests/models/data/test_image_budget.py -k mutated $(ARGS)

test-s3: setup kubeflow-client ## Run the tests of s3:// on a real object store, SeaweedFS, which Go builds into .tools
	@scripts/build_seaweedfs.sh
	@$(BIN)/python -m pytest -m s3 --numprocesses 2 --dist loadfile $(ARGS)

check: setup ## Lint, formatting, types and the layers of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## Format the code and apply the linter's fixes
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.10
lock: setup ## Resolve pyproject.toml and kubeflow/*.in into their locks, both stacks (ARGS="--upgrade")
	$(LOCK) --extra gs --extra s3 --extra heif --group dev pyproject.toml --output-file requirements.lock $(ARGS)
	$(LOCK) --extra gs --extra s3 --extra heif --constraint requirements.lock pyproject.toml --output-file kubeflow/image.lock
	$(LOCK) --constraint requirements.lock kubeflow/gpu.in --output-file kubeflow/gpu.lock
	$(LOCK) kubeflow/client.in --output-file kubeflow/client.lock $(ARGS)

# An environment depends on its path, its Python and the lock. The stamp is written last: an interrupted one is made again.
STAMP := { echo "$(CURDIR)"; $(BIN)/python -V; cat kubeflow/client.lock; }
kubeflow-client: setup ## Make or repair .venv-kubeflow: the Kubeflow SDK, which conflicts with TFX
	@$(STAMP) | cmp -s - $(CLIENT)/.installed || { \
	  echo "Installing what kubeflow/client.lock pins into $(CLIENT) (about 60 MB) ..."; \
	  $(BIN)/uv venv --quiet --clear --python $(BIN)/python $(CLIENT) && \
	  $(BIN)/uv pip install --quiet --compile-bytecode --python $(CLIENT)/bin/python --require-hashes \
	    --requirements kubeflow/client.lock && \
	  $(STAMP) > $(CLIENT)/.installed; }

bench: setup ## List the benchmarks, or run one (ARGS="bare_keras")
	@$(BIN)/python -m benchmarks $(ARGS)

reference: setup ## Write docs/reference from the code
	@$(BIN)/python scripts/generate_error_reference.py

CHROMIUM := chromium
picture: ## Draw kubeflow/report.png from the report of the last run in output/ (needs Chromium and that run)
	$(CHROMIUM) --headless --no-sandbox --disable-gpu --hide-scrollbars --virtual-time-budget=9000 \
	  --window-size=1000,1900 --screenshot="$(CURDIR)/kubeflow/report.png" "file://$(CURDIR)/output/runs/latest/report.html"
	@$(BIN)/python -c "from PIL import Image; \
	  Image.open('kubeflow/report.png').convert('RGB').quantize(256).save('kubeflow/report.png', optimize=True)"

clean: ## Remove caches and build products; the environments and output/ stay
	rm -rf build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -not -path './.venv*/*' -prune -exec rm -rf {} +

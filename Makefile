# Two commands: `make demo` runs the main job in a lab on this machine, `make test` passes the tests.
SHELL := /bin/bash
.DEFAULT_GOAL := help
TIER = .venv/bin/python -m pytest -p no:cacheprovider --durations=15 --durations-min=10

.PHONY: help setup setup-dev demo demo-platform demo-down test check unit binaries contract api operator nodes e2e test-hosts test-bundles test-modules test-platform test-gpu test-faults mutate bench bench-bundle clean

help:            ## what there is
	@grep -hE '^[a-z0-9-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 16

setup:           ## what running needs
	@scripts/setup.sh
setup-dev:       ## what developing needs
	@scripts/setup.sh --dev

demo: setup      ## the main job: bare nodes to a cluster whose modules follow its configuration
	@.venv/bin/python scripts/demo.py
demo-platform: setup ## the same with monitoring and logs; charts' trees by git, or of SLIPWAY_TREES_DIR
	@.venv/bin/python scripts/demo.py --platform
demo-down: setup ## take the demo's lab down
	@.venv/bin/slipway lab down --name demo

test: setup-dev  ## all tests, in two lanes
	@.venv/bin/python scripts/tiers.py check,e2e api,nodes + operator,contract,unit

check: setup-dev ## style, types, layers, Ansible and YAML
	.venv/bin/ruff check -q installer plugins tests scripts stubs/library
	.venv/bin/ruff format -q --check installer plugins tests scripts stubs/library
	.venv/bin/mypy
	.venv/bin/mypy --config-file plugins/mypy.ini
	.venv/bin/mypy --config-file tests/mypy.ini
	.venv/bin/lint-imports --no-cache
	.venv/bin/yamllint -s .
	.venv/bin/ansible-lint -q --offline

binaries: setup-dev
	@.venv/bin/python -m tests.binaries
unit: setup-dev  ## pure code
	$(TIER) tests/unit
contract: binaries ## recorded contexts, events, formats; a real registry
	$(TIER) tests/contract tests/attacks
api: binaries    ## a real Kubernetes API and Helm; a module of each kind from nothing to nothing
	NAME=katib,metrics-server $(TIER) tests/api tests/levels/test_api.py --ignore tests/api/operator
operator: binaries ## the operator at a real Kubernetes API
	$(TIER) tests/api/operator
nodes: setup-dev ## roles and probes in lab nodes
	$(TIER) tests/nodes
e2e: setup-dev   ## the main job, and its faults
	$(TIER) tests/e2e

test-hosts: setup-dev ## hosts in depth: runtimes, disks, mounts, networks
	$(TIER) tests/hosts

test-bundles:    ## bundles in depth: what an upgrade needs, other architectures
	@scripts/setup.sh --dev gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static
	$(TIER) tests/bundles

test-modules: binaries ## modules from nothing to nothing at a real API; NAME=one,other: these alone; what is seen is kept in levels.yaml
	SLIPWAY_KEEP_LEVELS=1 $(TIER) tests/levels$(if $(NAME),/test_api.py)

test-platform: setup-dev ## modules at work on a cluster of lab nodes; NAME=one,other; what is seen is kept in levels.yaml
	SLIPWAY_KEEP_LEVELS=1 $(TIER) tests/lab4

test-gpu: setup-dev ## on a machine with an NVIDIA card: driver, toolkit, a container that sees it
	$(TIER) -m gpu tests/gpu

test-faults: setup-dev ## the install and its kills again and again, at random moments; ROUNDS=3
	for round in $$(seq $${ROUNDS:-3}); do SLIPWAY_TEST_RANDOM_KILLS=1 $(TIER) tests/e2e/test_cluster.py || exit 1; done

mutate: setup-dev ## small mistakes, one at a time: do unit and contract tests see them? SAMPLE=12 SEED=1
	@.venv/bin/python -m pip install -q --require-hashes --no-deps --no-build-isolation -r requirements/mutate.txt
	@.venv/bin/python scripts/mutate.py --sample $${SAMPLE:-12} --seed $${SEED:-1}

bench: setup-dev ## the figures of docs/performance.md
	@.venv/bin/python scripts/bench.py

bench-bundle: binaries ## the figures of docs/performance-bundles.md
	@scripts/setup.sh --dev curl skopeo
	@PYTHONPATH=. .venv/bin/python scripts/bench_bundle.py

clean:           ## what was made in this checkout (not the cache)
	rm -rf .venv .slipway dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

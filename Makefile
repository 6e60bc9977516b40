# Set-up, tests and the embedded run. `make demo` and `make test` need Python 3.11, pip and make, nothing else.
PYTHON ?= python3.11
CORES ?= $(shell nproc 2>/dev/null || echo 2)
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: help setup demo test test-slurm test-conda test-spleeter test-kills lint generate lock clean

help:  ## say what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: .venv/.stamp  ## make the environment .venv from requirements.lock, once

.venv/.stamp: requirements.lock pyproject.toml
	$(PYTHON) -m venv --clear .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: setup  ## run the whole pipeline on the embedded corpus: submissions, scores, report
	snakemake --cores $(CORES)
	snakemake --report results/report.zip --quiet all
	@echo "open results/report/index.html in a browser; results/report.zip has the provenance of every file"

test: setup  ## run the tests, a shrunken run of the workflow among them
	python -m pytest

test-slurm: setup  ## run the shrunken workflow on a real SLURM on this machine, as root (docs/cluster.md)
	python -m pytest -m slurm tests/slurm

test-conda: setup  ## make the environments of envs/ by a stand-in for conda, and run a rule in one
	python -m pytest -m conda tests/conda

test-spleeter: setup  ## compare Spleeter's own program, in a throw-away environment, with ours: parity in dB
	rm -rf .venv-spleeter
	$(PYTHON) -m venv .venv-spleeter
	.venv-spleeter/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-spleeter.lock
	python benchmarks/spleeter_parity.py --python .venv-spleeter/bin/python
	rm -rf .venv-spleeter

test-kills: setup  ## kill the shrunken workflow twenty times, take its disk, memory and time, and compare the results
	python tests/kill_and_resume.py

lint: setup  ## ruff, snakefmt, snakemake --lint, mypy, and the generated files
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint
	mypy
	python tools/generate.py --check

generate: setup  ## write config/README.md, config/schema.json and envs/*.yaml anew
	python tools/generate.py

lock:  ## resolve requirements*.in anew into requirements*.lock, in a throw-away environment
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.in
	.venv-lock/bin/python -m pip freeze --all --exclude pip | sed -E 's/\+cpu$$//' > requirements.lock
	$(PYTHON) -m venv --clear .venv-lock
	.venv-lock/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-spleeter.in
	.venv-lock/bin/python -m pip freeze --all --exclude pip > requirements-spleeter.lock
	rm -rf .venv-lock

clean:  ## remove results and logs; the environment stays
	rm -rf results logs .snakemake

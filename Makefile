# Set-up, tests and the embedded run. `make demo` and `make test` need make and a Python of PYTHONS, nothing else.
PYTHONS := python3.11 python3.12 python3 python
# The first of them that is 3.11 or 3.12 and can make environments.
SUITS := import sys, venv, ensurepip; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))
PYTHON ?= $(shell for name in $(PYTHONS); do "$$name" -c "$(SUITS)" 2>/dev/null && echo "$$name" && break; done)
PIP := -m pip install --quiet --disable-pip-version-check
CORES ?= $(shell nproc 2>/dev/null || echo 2)
WORKERS ?= 2
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: help setup demo predict bundle picture test test-fast test-fuzz test-browser test-formats test-slurm test-environment test-conda test-spleeter test-kills lint generate measure lock clean

help:  ## say what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: .venv/.stamp  ## make the environment .venv from requirements.lock, once

# The lock as it stands; then what this machine's build of torch asks for beyond it, CUDA's libraries or nothing. Only what
# is imported is compiled.
.venv/.stamp: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: there is no Python 3.11 or 3.12 with venv here; install one, such as by apt-get \
	install python3.11-venv or python3.12-venv, or name one: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	.venv/bin/python $(PIP) --no-compile --no-deps -r requirements.lock
	.venv/bin/python $(PIP) --no-compile --constraint requirements.lock torch
	.venv/bin/python $(PIP) --no-deps --no-build-isolation -e .
	env -u PYTHONDONTWRITEBYTECODE .venv/bin/python tools/import_all.py
	touch $@

.venv-lint/.stamp: requirements-lint.lock .venv/.stamp
	.venv/bin/python -m venv --clear .venv-lint
	.venv-lint/bin/python $(PIP) --no-deps -r requirements-lint.lock
	touch $@

demo: setup  ## run the whole pipeline on the embedded corpus: submissions, scores, report
	snakemake --cores $(CORES)
	snakemake --report results/report.zip --quiet all
	@echo "open results/report/index.html in a browser; results/report.zip has the provenance of every file"

# In the environment, so that a path is one word to the shell whatever it holds.
export VIDEOS BUNDLE
export OUT ?= results/predict
predict: setup  ## predict a folder of videos: VIDEOS=~/my_videos [OUT=folder] [BUNDLE=folder or zip]
	@test -n "$$VIDEOS" || { echo "error: say where the videos are: make predict VIDEOS=~/my_videos" >&2; exit 1; }
	abaw predict "$$VIDEOS" --out "$$OUT" $${BUNDLE:+--bundle "$$BUNDLE"} --cores $(CORES)

MEDIA ?= ../shared/media
bundle: setup  ## train the default bundle on FER2013 and RAVDESS (MEDIA=folder), in results: resources/bundles/default
	python tools/standin_corpus.py "$(MEDIA)/ravdess-speech" "$(MEDIA)/fer2013-full/full.parquet" results/standin
	snakemake --cores $(CORES) --configfile config/standin.yaml \
	  --config 'pretraining={roots: {fer: "$(MEDIA)/fer2013-full"}}' -- bundle results/submission_expr.zip
	rm -rf resources/bundles/default
	mkdir -p resources/bundles
	cp -R results/bundle resources/bundles/default

# Two processes, each on one thread: what they wait for, whole runs of the workflow, takes more.
PYTEST := OMP_NUM_THREADS=1 python -m pytest -n $(WORKERS) --dist worksteal

test: setup  ## run the tests, a shrunken run of the workflow among them
	$(PYTEST)

test-fast: setup  ## run the tests that do without a run of the workflow and take less than five seconds each
	$(PYTEST) -m "not workflow and not slow and not slurm and not conda and not environment"

test-fuzz: setup  ## read 5,000 mutated videos: results or sentences, and nothing else (docs/media.md)
	python tests/fuzz.py --files 5000 --jobs $(CORES)

BROWSER := command -v chromium && command -v chromedriver && PYTHONPATH=.browser python -c "import selenium"

test-browser: setup  ## open the pages of predict in a real Chromium; it says what to install and installs nothing
	@{ $(BROWSER); } > /dev/null 2>&1 || { echo "error: the tests of the pages need Chromium and Selenium: apt-get install \
	chromium chromium-driver, and .venv/bin/python -m pip install --no-deps --target .browser -r requirements-browser.lock" \
	>&2; exit 1; }
	PYTHONPATH=.browser python -m pytest -m browser tests/outputs

test-formats: .formats/.stamp  ## hold files for ELAN against its schema, and read tables with DuckDB
	PYTHONPATH=.formats python -m pytest -m formats tests/outputs

# ELAN's schemas come with the source of pympi, and with no wheel.
.formats/.stamp: requirements-formats.lock requirements.lock .venv/.stamp
	rm -rf .formats
	.venv/bin/python $(PIP) --no-deps --target .formats -r requirements-formats.lock
	.venv/bin/python -m pip --quiet download --disable-pip-version-check --no-deps --no-binary :all: \
	  --no-build-isolation --dest .formats "$$(grep ^pympi-ling== requirements.lock)"
	touch $@

picture: setup  ## photograph the viewer for README, of a video and the bundle of `make demo` and `abaw export`
	@{ $(BROWSER); } > /dev/null 2>&1 || { echo "error: the picture needs what make test-browser needs" >&2; exit 1; }
	PYTHONPATH=.browser python tools/viewer_picture.py

test-slurm: setup  ## run the shrunken workflow on a real SLURM on this machine, as root (docs/cluster.md)
	python -m pytest -m slurm tests/slurm

test-environment: setup  ## make a fresh environment of the lock, import everything in it, and weigh it
	python -m pytest -m environment tests/test_environment.py

test-conda: setup  ## make the environments of envs/ by a stand-in for conda, and run a rule in one
	python -m pytest -m conda tests/conda

test-spleeter: setup  ## compare Spleeter's own program, in a throw-away environment, with ours: parity in dB
	rm -rf .venv-spleeter
	$(PYTHON) -m venv .venv-spleeter
	.venv-spleeter/bin/python $(PIP) -r requirements-spleeter.lock
	python benchmarks/spleeter_parity.py --python .venv-spleeter/bin/python
	rm -rf .venv-spleeter

test-kills: setup  ## kill the shrunken workflow twenty times, take its disk, memory and time, and compare the results
	python tests/kill_and_resume.py

lint: setup .venv-lint/.stamp  ## ruff, snakefmt, snakemake --lint, mypy, and the generated files
	.venv-lint/bin/ruff check .
	.venv-lint/bin/ruff format --check .
	PATH="$(CURDIR)/.venv-lint/bin:$$PATH" snakefmt --check Snakefile workflow
	snakemake --lint
	.venv-lint/bin/mypy --python-executable .venv/bin/python
	python tools/generate.py --check
	python tools/rulegraph.py --check

generate: setup  ## write what follows from the configuration, the locks, docs/measured.json and the rules
	python tools/generate.py
	python tools/rulegraph.py

measure: setup  ## run the benchmarks, or BENCH=name, and write their figures into docs
	python tools/measure.py $(BENCH)

lock:  ## resolve requirements*.in anew into requirements*.lock, in a throw-away environment
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python $(PIP) -r requirements.in
	.venv-lock/bin/python -m pip freeze --all --exclude pip | python3 tools/lock.py requirements.omit > requirements.lock.new
	mv requirements.lock.new requirements.lock
	$(PYTHON) -m venv --clear .venv-lock
	.venv-lock/bin/python $(PIP) -r requirements-spleeter.in
	.venv-lock/bin/python -m pip freeze --all --exclude pip > requirements-spleeter.lock
	$(PYTHON) -m venv --clear .venv-lock
	.venv-lock/bin/python $(PIP) -r requirements-lint.in
	.venv-lock/bin/python -m pip freeze --all --exclude pip > requirements-lint.lock
	$(PYTHON) -m venv --clear .venv-lock
	.venv-lock/bin/python $(PIP) --constraint requirements.lock -r requirements-browser.in
	.venv-lock/bin/python -m pip freeze --all --exclude pip --exclude setuptools \
	  | grep -vixFf requirements.lock > requirements-browser.lock
	$(PYTHON) -m venv --clear .venv-lock
	.venv-lock/bin/python $(PIP) --constraint requirements.lock -r requirements-formats.in
	.venv-lock/bin/python -m pip freeze --all --exclude pip --exclude setuptools \
	  | grep -vixFf requirements.lock > requirements-formats.lock
	rm -rf .venv-lock

clean:  ## remove results and logs; the environment stays
	rm -rf results logs .snakemake

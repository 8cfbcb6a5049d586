# Every target sets up .venv first where that is needed. On Windows see docs/install.md.
#   make quick JOB=name BACKEND=local   the job (default: all of jobs.yaml) and where its session runs
#   make quick ARGS="..."               goes to doit as it is; to pytest with `make test` and `make coverage`, to uv with `make lock`
#   make track TO=mlflow                to which experiment tracker, mlflow or wandb
#   make plan JSON=1                    for programs: JSON on standard output (plan, status, history)
#   make quick BACKEND=docker           in a container; the image of PROFILE (cpu, cuda, kaggle) is built when needed
#   make setup PYTHON=python3.12        the interpreter of .venv
#   make setup TORCH=cuda               the build of torch: auto (default), cpu, cuda; TORCH_INDEX=URL where from
#   make setup SERVICES=yes             with what the tests of experiment trackers and of Ray need, as CI does

READY = .venv/setup.project
SETUP = "$(or $(PYTHON),python3)" develop.py $(if $(PYTHON),--python "$(PYTHON)") \
	$(if $(TORCH),--torch "$(TORCH)") $(if $(TORCH_INDEX),--torch-index "$(TORCH_INDEX)") \
	$(if $(SERVICES),--services)
CHECK = .venv/bin/python develop.py
DOIT = .venv/bin/python -m doit
CHOICES = $(if $(BACKEND),backend="$(BACKEND)") $(if $(TO),to="$(TO)") $(if $(JSON),--json) $(ARGS)
OF_JOB = $(if $(JOB),:"$(JOB)") $(CHOICES)
PROFILE = cpu
IMAGE = "$(or $(PYTHON),python3)" docker/image.py --profile "$(PROFILE)" $(if $(BASE),--base "$(BASE)")
# Sessions in containers need an image, which takes no time where it is there.
READY_TO_RUN = $(READY) $(if $(findstring docker,$(BACKEND)),image-if-needed)

.PHONY: quick run resume redo tune plan status history logs graph curve track report verify video export repair doctor gc fresh setup test \
	gpu-test coverage lint types format docs lock bench clean help emulator \
	engine image image-if-needed image-test image-drift image-lock
.SUFFIXES:

quick: $(READY_TO_RUN) ## one short session of the job, start to finish
	@$(DOIT) run_quick$(OF_JOB)
run: $(READY_TO_RUN) ## one session of the job
	@$(DOIT) run_full$(OF_JOB)
resume: $(READY_TO_RUN) ## session after session until the job's goal is met
	@$(DOIT) resume$(OF_JOB)
redo: $(READY_TO_RUN) ## the job's newest session again, from the same parent
	@$(DOIT) redo$(OF_JOB)
tune: $(READY_TO_RUN) ## search for hyperparameters: the trials of a study, JOB=study
	@$(DOIT) tune$(OF_JOB)
plan: $(READY) ## what the next session would be, and why; runs nothing
	@$(DOIT) plan$(OF_JOB)
status: $(READY) ## where each job stands
	@$(DOIT) status$(OF_JOB)
history: $(READY) ## what happened to the job, and when
	@$(DOIT) history$(OF_JOB)
logs: $(READY) ## the log of the job's newest session; ARGS=-f as it grows, ARGS=session=3 of another one
	@$(DOIT) logs$(OF_JOB)
graph: $(READY) ## a picture of the stages, and which are stale: runs/graph.svg
	@$(DOIT) graph$(OF_JOB)
curve: $(READY) ## what all sessions measured, as one curve: a table, and for TensorBoard
	@$(DOIT) curve$(OF_JOB)
track: $(READY) ## that curve to an experiment tracker, as one run: TO=mlflow or TO=wandb
	@$(DOIT) track$(OF_JOB)
report: $(READY) ## a page of each job, and figures for a paper: runs/report.html
	@$(DOIT) report$(OF_JOB)
verify: $(READY) ## check all that a run stands on: installation, folders, checkpoints, lineages, exact resume, backends
	@$(DOIT) verify$(OF_JOB)
video: $(READY) ## the job's best agent, to look at
	@$(DOIT) video$(OF_JOB)
export: $(READY) ## the job's best agent as ONNX and in Hugging Face's form; uploads nothing
	@$(DOIT) export$(OF_JOB)
repair: $(READY) ## mend what verify finds broken; ARGS="dry=yes" only says what it would do
	@$(DOIT) repair$(OF_JOB)
doctor: $(READY) ## whether the backend would take a session; spends nothing
	@$(DOIT) doctor$(OF_JOB)
gc: $(READY) ## what no session needs any more; ARGS=--apply removes it
	@$(DOIT) gc$(OF_JOB)
fresh: $(READY) ## archive the job's sessions and start anew
	@$(DOIT) fresh$(OF_JOB)
emulator: $(READY) ## Kaggle's API on this machine; ARGS="--help" tells more
	@.venv/bin/python -m emulator $(ARGS)
setup: ## make .venv, or bring it up to date
	@$(SETUP)
test: $(READY) ## every check, and every test
	@$(CHECK) test $(ARGS)
gpu-test: $(READY) ## what only a GPU can show, and figures of it beside the CPU's; skipped where there is none
	@.venv/bin/python tests/gpu/run.py $(ARGS)
coverage: $(READY) ## the tests, and which lines and branches none of them reaches
	@$(CHECK) coverage $(ARGS)
lint: $(READY) ## ruff and the import rule
	@$(CHECK) lint
types: $(READY) ## mypy --strict, for Linux, macOS and Windows
	@$(CHECK) types
format: $(READY) ## let ruff rewrite what it can
	@$(CHECK) format
docs: $(READY) ## the documents as a site, in build/site
	@NO_MKDOCS_2_WARNING=1 $(CHECK) docs --quiet && echo build/site/index.html
lock: ## renew requirements.lock and requirements-services.lock; ARGS=--upgrade takes the newest of all
	@$(SETUP) lock $(ARGS)
bench: $(READY) ## the benchmarks
	@set -e; for script in bench/*.py; do .venv/bin/python "$$script" $(ARGS); done
engine: ## a Docker engine and a base image on a bare Debian, without an image registry; as root
	@docker/engine.sh
image: ## the image of PROFILE (cpu, cuda, kaggle), on another base with BASE=...; see docs/docker.md
	@$(IMAGE)
image-if-needed:
	@$(IMAGE) --if-needed >/dev/null
image-test: $(READY) image-if-needed ## the tests of the image
	@$(CHECK) pytest tests/docker $(ARGS)
image-drift: image-if-needed ## where the image of PROFILE differs from Kaggle's; ARGS="--check" fails where it matters
	@"$(or $(PYTHON),python3)" docker/drift.py "kaggle-relay:$(PROFILE)" $(ARGS)
image-lock: ## renew docker/requirements-*.lock
	@"$(or $(PYTHON),python3)" docker/lock.py
clean: ## remove .venv and the tools' caches; runs/ stays
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.* *.egg-info
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile

$(READY): requirements.lock requirements-services.lock pyproject.toml develop.py
	@$(SETUP)

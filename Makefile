# Every target sets up .venv first where that is needed. On Windows see docs/install.md.
#   make quick JOB=name BACKEND=local   the job (default: all of jobs.yaml) and where its session runs
#   make quick ARGS="..."               goes to doit as it is; to pytest with `make test`, to uv with `make lock`
#   make setup PYTHON=python3.12        the interpreter of .venv
#   make setup TORCH=cuda               the build of torch: auto (default), cpu, cuda; TORCH_INDEX=URL where from

READY = .venv/setup.project
SETUP = "$(or $(PYTHON),python3)" develop.py $(if $(PYTHON),--python "$(PYTHON)") \
	$(if $(TORCH),--torch "$(TORCH)") $(if $(TORCH_INDEX),--torch-index "$(TORCH_INDEX)")
CHECK = .venv/bin/python develop.py
DOIT = .venv/bin/python -m doit
CHOICES = $(if $(BACKEND),backend="$(BACKEND)") $(ARGS)
OF_JOB = $(if $(JOB),:"$(JOB)") $(CHOICES)

.PHONY: quick run resume plan status verify doctor fresh setup test lint types format lock bench clean help
.SUFFIXES:

quick: $(READY) ## one short session of the job, start to finish
	@$(DOIT) run_quick$(OF_JOB)
run: $(READY) ## one session of the job
	@$(DOIT) run_full$(OF_JOB)
resume: $(READY) ## session after session until the job's goal is met
	@$(DOIT) resume$(OF_JOB)
plan: $(READY) ## what the next session would be, and why; runs nothing
	@$(DOIT) plan$(OF_JOB)
status: $(READY) ## where each job stands
	@$(DOIT) status$(OF_JOB)
verify: $(READY) ## check what the sessions left
	@$(DOIT) verify$(OF_JOB)
doctor: $(READY) ## whether the backend would take a session; spends nothing
	@$(DOIT) doctor$(OF_JOB)
fresh: $(READY) ## archive the job's sessions and start anew
	@$(DOIT) fresh$(OF_JOB)
emulator: $(READY) ## Kaggle's API on this machine; ARGS="--help" tells more
	@.venv/bin/python -m emulator $(ARGS)
setup: ## make .venv, or bring it up to date
	@$(SETUP)
test: $(READY) ## every check, then the tests with coverage
	@$(CHECK) test $(ARGS)
lint: $(READY) ## ruff and the import rule
	@$(CHECK) lint
types: $(READY) ## mypy --strict
	@$(CHECK) types
format: $(READY) ## let ruff rewrite what it can
	@$(CHECK) format
lock: ## renew requirements.lock; ARGS=--upgrade takes the newest of all
	@$(SETUP) lock $(ARGS)
bench: $(READY) ## the benchmarks
	@set -e; for script in bench/*.py; do .venv/bin/python "$$script" $(ARGS); done
clean: ## remove .venv and the tools' caches; runs/ stays
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.* *.egg-info
help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile

$(READY): requirements.lock pyproject.toml develop.py
	@$(SETUP)

"""Optuna's side of a study: it chooses the values of trials, and says which of them are to be pruned.

All it knows is in a journal, a line for each thing that it was told (`JournalStorage`), which Optuna's own tools read.
A trial is one line from the beginning, with all its values: these are chosen in a copy in memory, so that no kill
leaves a trial with some of them. A sampler is made anew for each trial, seeded by its number, so that it makes no
difference how often the search was cut off.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import RandomSampler, TPESampler
from optuna.storages import InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState, create_trial

from contract.errors import RelayError
from runner.studies.values import Outcome, Range

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.distributions import BaseDistribution
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

    from runner.studies.folder import StudyFolder
    from runner.studies.values import Choices, Study

optuna.logging.set_verbosity(optuna.logging.WARNING)

_STATES = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
_OUTCOMES = {state: name for name, state in _STATES.items()}


class Known(NamedTuple):
    """A trial as Optuna knows it.

    Args:
        number: 0 and so on.
        parameters: what was chosen, by the keys of the search.
        reported: what was told of its evaluations, by timesteps.
        outcome: how it ended, once that was told.
    """

    number: int
    parameters: dict[str, Any]
    reported: dict[int, float]
    outcome: Outcome | None


class _HeldAlready:
    """The lock of a journal: whoever writes it holds its study, and the system gives that back when a process dies."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


class Journal:
    """What Optuna knows of a study. Whoever opens it holds the study.

    Args:
        folder: of the study.
        study: as jobs.yaml states it.

    Raises:
        RelayError: the journal is damaged.
    """

    def __init__(self, folder: StudyFolder, study: Study) -> None:
        self._study = study
        self._spaces = {key: _distribution(space) for key, space in study.search.items()}
        self._pruner = _pruner(study)
        folder.path.mkdir(parents=True, exist_ok=True)
        _cut_torn_end(folder)
        try:
            self._storage = JournalStorage(JournalFileBackend(str(folder.journal), lock_obj=_HeldAlready()))  # type: ignore[arg-type] # its calls are these
            self._optuna = optuna.create_study(
                storage=self._storage,
                study_name=study.name,
                direction="maximize",
                pruner=self._pruner,
                sampler=RandomSampler(0),
                load_if_exists=True,
            )
        except (ValueError, KeyError, AssertionError) as error:
            remedy = f"move it away: `doit tune:{study.name}` makes it again from what it has on its trials"
            raise RelayError(str(folder.journal), "is damaged", remedy) from error
        self._id = self._storage.get_study_id_from_name(study.name)

    @property
    def trials(self) -> list[Known]:
        """All of them, in order."""
        return [self._known(each) for each in self._storage.get_all_trials(self._id, deepcopy=False)]

    def ask(self) -> Known:
        """Begin one more trial."""
        before = self._storage.get_all_trials(self._id)
        number = len(before)
        copy, _ = self._copy(before, _sampler(self._study, number))
        self._add(copy.ask(self._spaces).params)
        return self._known(self._storage.get_trial(self._trial_id(number)))

    def know(self, parameters: Mapping[str, Any]) -> None:
        """Have one more trial that was begun before, of which the journal is gone."""
        labels = {
            key: value if isinstance(space := self._study.search[key], Range) else _label(space, value)
            for key, value in parameters.items()
        }
        self._add(labels)

    def reported(self, number: int) -> dict[int, float]:
        """What was told of the evaluations of a trial, by timesteps."""
        return dict(self._storage.get_trial(self._trial_id(number)).intermediate_values)

    def prunes(self, number: int, timesteps: int, value: float) -> bool:
        """Whether a trial is to be pruned for an evaluation, before anything is told of it."""
        copy, storage = self._copy(self._storage.get_all_trials(self._id), RandomSampler(0))
        trial_id = storage.get_trial_id_from_study_id_trial_number(
            storage.get_study_id_from_name(self._study.name), number
        )
        storage.set_trial_intermediate_value(trial_id, timesteps, value)
        return bool(self._pruner.prune(copy, storage.get_trial(trial_id)))

    def report(self, number: int, timesteps: int, value: float) -> None:
        """Tell of an evaluation."""
        self._storage.set_trial_intermediate_value(self._trial_id(number), timesteps, value)
        self.settle(number)

    def settle(self, number: int) -> None:
        """Let the pruner note what it notes of a trial, once its latest evaluation was told."""
        self._pruner.prune(self._optuna, self._storage.get_trial(self._trial_id(number)))

    def tell(self, number: int, outcome: Outcome) -> None:
        """Tell how a trial has ended, which is done once."""
        value = outcome.value if outcome.state == "complete" else None
        self._optuna.tell(number, value, _STATES[outcome.state])

    def _copy(self, trials: list[FrozenTrial], sampler: BaseSampler) -> tuple[optuna.Study, InMemoryStorage]:
        """The study in memory, of which the journal learns nothing."""
        storage = InMemoryStorage()
        copy = optuna.create_study(
            storage=storage, study_name=self._study.name, direction="maximize", sampler=sampler, pruner=self._pruner
        )
        copy.add_trials(trials)
        return copy, storage

    def _add(self, parameters: Mapping[str, Any]) -> None:
        trial = create_trial(state=TrialState.RUNNING, params=dict(parameters), distributions=dict(self._spaces))
        self._storage.create_new_trial(self._id, trial)

    def _trial_id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._id, number)

    def _known(self, trial: FrozenTrial) -> Known:
        parameters = {
            key: value if isinstance(space := self._study.search.get(key), Range | None) else space.labelled(value)
            for key, value in trial.params.items()
        }
        outcome = None
        if trial.state in _OUTCOMES:
            told = trial.values[0] if trial.values else None
            outcome = Outcome(state=_OUTCOMES[trial.state], value=told, timesteps=trial.last_step or 0)  # type: ignore[arg-type]
        return Known(trial.number, parameters, dict(trial.intermediate_values), outcome)


def _label(space: Choices, value: object) -> object:
    return space.labels[space.choices.index(value)]


def _distribution(space: Range | Choices) -> BaseDistribution:
    if not isinstance(space, Range):
        return CategoricalDistribution(space.labels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a step that does not end at `high`
        if space.whole:
            return IntDistribution(int(space.low), int(space.high), log=space.log, step=int(space.step or 1))
        return FloatDistribution(space.low, space.high, log=space.log, step=space.step)


def _sampler(study: Study, number: int) -> BaseSampler:
    """The sampler for one trial: its seed follows from the study's and the trial's number."""
    digest = hashlib.sha256(f"{study.sampler.seed} {number}".encode()).digest()
    seed = int.from_bytes(digest[:4], "big")
    if study.sampler.kind == "random":
        return RandomSampler(seed)
    return TPESampler(seed=seed, n_startup_trials=study.sampler.startup, constant_liar=True)


def _pruner(study: Study) -> BasePruner:
    stated, first = study.pruner, max(study.pruner.warmup, study.frequency)
    match stated.kind:
        case "median":
            return MedianPruner(n_startup_trials=stated.startup, n_warmup_steps=stated.warmup)
        case "halving":
            return SuccessiveHalvingPruner(min_resource=first, reduction_factor=stated.keep)
        case "hyperband":
            return HyperbandPruner(min_resource=first, max_resource=study.goal, reduction_factor=stated.keep)
        case "none":
            return NopPruner()


def _cut_torn_end(folder: StudyFolder) -> None:
    """Take a line away that a kill has cut: what it would have told is told again."""
    try:
        content = folder.journal.read_bytes()
    except FileNotFoundError:
        return
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        with folder.journal.open("rb+") as stream:
            stream.truncate(len(whole))
    for line in whole.splitlines():
        try:
            json.loads(line)
        except ValueError as error:
            name = folder.path.name
            remedy = f"move it away: `doit tune:{name}` makes it again from what it has on its trials"
            raise RelayError(str(folder.journal), "is damaged", remedy) from error

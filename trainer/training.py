"""The training itself: a model over environments, gone on from a parent, saved as it goes."""

from __future__ import annotations

import contextlib
import functools
import gc
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stable_baselines3.common.callbacks import CallbackList

from contract import events
from contract.errors import SessionError
from trainer.algorithms.model import make_model, use_threads
from trainer.callback import RelayCallback
from trainer.checkpoint.adopted import put_adopted
from trainer.checkpoint.parent import load_parent
from trainer.checkpoint.saving import Saver
from trainer.determinism.failures import in_a_sentence
from trainer.determinism.flags import computing
from trainer.determinism.machine import machine
from trainer.determinism.repetition import why_it_differs
from trainer.divergence import refuse_unusable_weights
from trainer.environments import making
from trainer.environments.checks.faults import FaultyEnvironmentError
from trainer.environments.self_check import Resumption, check_environments
from trainer.environments.workers import closing
from trainer.evaluation import Evaluator
from trainer.metrics.recorder import Recorder
from trainer.own_callbacks import OwnCallbacks, TrainingStopped
from trainer.trying_first import try_first

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stable_baselines3.common.base_class import BaseAlgorithm

    from trainer.checkpoint.parent import LoadedParent
    from trainer.checkpoint.resume_state import Boundary
    from trainer.checkpoint.writer import ArtifactWriter
    from trainer.progress import Progress
    from trainer.session_input import SessionInput
    from trainer.stopping.interruption import Interruption


@contextlib.contextmanager
def prepared(
    progress: Progress, writer: ArtifactWriter, interruption: Interruption, unchecked: str | None = None
) -> Iterator[Training]:
    """A training that has everything it needs; its environments and their worker processes end with the block.

    Args:
        progress: where the session stands; kept up to date.
        writer: writes the artifacts.
        interruption: what may end the session.
        unchecked: why the environments are not checked; None where they are.

    Raises:
        RelayError: the model cannot be made, or does not go on from the parent.
    """
    session_input = progress.session_input
    job, parent = session_input.job, session_input.request.parent
    use_threads(job.threads)
    with contextlib.ExitStack() as opened:
        note = functools.partial(_note_inexact, progress)
        opened.enter_context(in_a_sentence(job))
        device = opened.enter_context(computing(job, note))
        progress.machine = machine(device)
        with interruption.within("check"):
            if session_input.request.untried is not None and unchecked is None:
                try_first(session_input)
            resumption = check_environments(job) if unchecked is None else Resumption("none", (unchecked,))
        stateless = resumption.reasons if resumption.method == "none" else ()
        venv = opened.enter_context(closing(making.make_training_envs(job, resumption.method)))
        if device != "cpu" and job.deterministic is not False:
            with interruption.within("check"):
                differs = why_it_differs(job, venv, device)
            if differs is not None:
                note(differs)
        model = make_model(job, venv, device)
        if session_input.adopts:
            put_adopted(model, progress)
        evaluator = None
        if job.eval.frequency:
            evaluator = Evaluator(job, opened.enter_context(closing(making.make_evaluation_envs(job))))
            if evaluator.warning:
                events.say(evaluator.warning)
        callbacks = OwnCallbacks(job, progress.stop)
        saver = Saver(model, progress, writer, stateless, callbacks)
        if resumption.inexact:
            note(*resumption.inexact)
        loaded = None
        if parent is not None:
            loaded = load_parent(model, progress, parent)
            _hand_on_best_model(session_input, writer)
        recorder = Recorder(writer, progress)
        yield Training(progress, writer, interruption, model, evaluator, saver, callbacks, loaded, recorder)


@dataclass(frozen=True)
class Training:
    """One `learn()` from the session's parent to its goal.

    Args:
        progress: where the session stands; kept up to date.
        writer: writes the artifacts.
        interruption: what may end the session.
        model: the algorithm over its environments, with the parent's tensors and transitions in it.
        evaluator: measures the policy; None where it is never measured.
        saver: takes checkpoints of the model.
        callbacks: those of the job.
        parent: what it goes on from; None from zero.
        recorder: notes what is measured.
    """

    progress: Progress
    writer: ArtifactWriter
    interruption: Interruption
    model: BaseAlgorithm
    evaluator: Evaluator | None
    saver: Saver
    callbacks: OwnCallbacks
    parent: LoadedParent | None
    recorder: Recorder

    def run(self) -> None:
        """Learn until the goal.

        Raises:
            SessionInterrupted: something ended the session.
            DivergedError: a loss or a weight is no finite number.
            FaultyEnvironmentError: an environment gave what nothing can be learned from.
            SessionError: an artifact cannot be written.
        """
        session_input = self.progress.session_input
        job, start = session_input.job, self.progress.timesteps
        goal = job.total_timesteps
        if session_input.adopts:
            self.take_checkpoint("rollout_start", ends=False)
            return
        if start >= goal:
            problem = f"its parent checkpoint stands at {start:,} timesteps, and the goal of {goal:,} is met"
            raise SessionError(f"job {job.name}", problem, "raise total_timesteps to go on")
        events.emit("started", session=session_input.request.session, timesteps=start, goal=goal)
        relay = RelayCallback(job, self.progress, self.interruption, self, self.recorder)
        callback = CallbackList([relay, self.callbacks]) if self.callbacks else relay
        # What stands now stays until the end, so the collector need not walk through it again and again.
        gc.freeze()
        gc.enable()
        try:
            with self.interruption.learning(), in_a_sentence(job):
                self.model.learn(goal - start, callback=callback, reset_num_timesteps=self.parent is None)
        except TrainingStopped:
            self.callbacks.on_training_end()
        except FaultyEnvironmentError as fault:
            raise fault.at(self.model.num_timesteps) from None
        except ValueError:
            refuse_unusable_weights(self.model, job.name)  # a policy of NaNs fails in many ways
            raise

    @property
    def longest_write(self) -> float:
        """Seconds that the slowest write so far took."""
        return self.writer.longest_write

    def resume(self) -> None:
        """Put the parent's state back, if there is one; called once, at the first rollout start."""
        if self.parent is not None:
            self.progress.add_inexact(self.callbacks.put_back(self.parent.state.callbacks))
            self.parent.put_back()
            self.saver.begin(self.parent.record.replay, self.progress.session_input.parent_replay)

    def note_rows(self) -> None:
        """Take notice of what the rollout added to the replay buffer, if there is one."""
        self.saver.note_rows()

    def evaluate(self, stop: Callable[[], str | None]) -> None:
        """Measure the policy, and keep it if it is the best.

        Args:
            stop: asked after each step for a reason to stop.

        Raises:
            EvaluationStopped: there was one.
            FaultyEnvironmentError: an environment gave what nothing can be measured by.
        """
        try:
            played = None if self.evaluator is None else self.evaluator.measure(self.model, stop)
        except FaultyEnvironmentError as fault:
            fault.timesteps_taken = 0
            raise fault.at(self.progress.timesteps, "in the evaluation") from None
        if played is None:
            return
        mean = played.mean
        self.recorder.note_evaluation(played)
        milestones = self.progress.milestones
        best_before = milestones.best_mean_reward
        improved = not math.isnan(mean) and (best_before is None or mean > best_before)
        events.emit("evaluation", timesteps=self.progress.timesteps, mean_reward=mean, improved=improved)
        if improved:
            milestones.best_mean_reward = mean
            self.saver.submit_best()
        self.callbacks.on_evaluation(mean, milestones.best_mean_reward, improved=improved)

    def take_checkpoint(self, boundary: Boundary, *, ends: bool) -> None:
        """Copy a checkpoint, and have it written."""
        self.recorder.note_pending()
        self.saver.submit_checkpoint(boundary, ends=ends)


def _note_inexact(progress: Progress, *reasons: str) -> None:
    """Note why going on is not exact, and say what of it is new."""
    before = progress.inexact
    progress.add_inexact(reasons)
    if new := progress.inexact[len(before) :]:
        events.say(f"[CHECKPOINT] Resume will be approximate: {'; '.join(new)}")


def _hand_on_best_model(session_input: SessionInput, writer: ArtifactWriter) -> None:
    if session_input.parent_best_model.exists():
        best = session_input.parent_best_model.read_bytes()
        writer.submit(functools.partial(writer.put, writer.artifacts.best_model, best))

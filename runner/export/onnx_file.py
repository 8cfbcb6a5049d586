"""The policy as an ONNX file, kept only if onnxruntime does with it what torch does."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from contract.plain_text import one_line
from runner.acting.order import ONNX_FILE, OnnxMade
from runner.export.modules import MASKED, RECURRENT, ExportablePolicy
from runner.export.normalization import describe_scaling, learned

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from runner.acting.agent import Agent
    from runner.acting.playing import Moment

    Inputs = dict[str, NDArray[Any]]

TOLERANCE = 1e-4
"""Of an action of numbers, in units of its bounds or of 1: float32 rounds otherwise in another order."""
_EXAMPLES = 2
"""How many stand beside each other as the policy is traced; with one it would be for one only."""


def write_onnx(agent: Agent, moments: Sequence[Moment], folder: Path) -> OnnxMade | str:
    """Write the policy, and compare it on what the agent has seen.

    Args:
        agent: the policy.
        moments: what it saw in some episodes, and what it did; at least one.
        folder: where the file goes.

    Returns:
        What was written, or why nothing is.
    """
    path = folder / ONNX_FILE
    normalize = learned(agent.venv)
    folds = normalize is not None and normalize is agent.venv  # one further inside is followed by stacked frames, say
    policy = ExportablePolicy(
        agent.model, agent.job.algorithm, describe_scaling(normalize) if normalize and folds else {}
    )
    given = [_inputs(policy, agent, moment, raw=folds) for moment in moments]
    try:
        _trace(policy.eval(), given[0], path)
    except Exception as error:  # noqa: BLE001 - a policy of anybody's own may do what cannot be traced
        path.unlink(missing_ok=True)
        return f"ONNX cannot express this policy ({type(error).__name__}: {one_line(str(error), 160)})"
    differences = _differences(path, given, policy.batch_axes, moments)
    wrong = sum(each > TOLERANCE for each in differences)
    if wrong:
        path.unlink()
        return f"as ONNX it acts otherwise on {wrong} of {len(moments)} observations, by up to {max(differences):g}"
    inputs, outputs = _signature(path)
    return OnnxMade(
        inputs=inputs,
        outputs=outputs,
        compared=len(moments),
        largest_difference=max(differences),
        folds_normalization=folds,
    )


def _inputs(policy: ExportablePolicy, agent: Agent, moment: Moment, *, raw: bool) -> Inputs:
    """What the policy is given at a moment, by name."""
    observation = moment.raw if raw else moment.seen
    given = [np.asarray(observation[name] if name else observation) for name in policy.parts]
    if agent.job.algorithm == RECURRENT:
        layers, _, size = policy.policy.lstm_hidden_state_shape
        nothing = np.zeros((layers, 1, size), np.float32)
        memory = (nothing, nothing) if moment.memory is None else moment.memory
        given += [*map(np.asarray, memory), moment.starts.astype(np.float32)]
    elif agent.job.algorithm == MASKED:
        given.append(np.asarray(moment.masks, dtype=np.bool_))
    return dict(zip(policy.input_names, given, strict=True))


def _trace(policy: ExportablePolicy, example: Inputs, path: Path) -> None:
    axes, batch = policy.batch_axes, torch.export.Dim("batch")
    examples = tuple(
        torch.as_tensor(np.concatenate([each] * _EXAMPLES, axis=axis))
        for each, axis in zip(example.values(), axes, strict=True)
    )
    with _in_silence():
        torch.onnx.export(
            policy,
            examples,
            str(path),
            input_names=policy.input_names,
            output_names=policy.output_names,
            dynamic_shapes={"inputs": tuple({axis: batch} for axis in axes)},
            dynamo=True,
            external_data=False,
            verbose=False,
        )


@contextlib.contextmanager
def _in_silence() -> Iterator[None]:
    """Without gradients, and without what torch tells those who write exporters."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _differences(path: Path, given: Sequence[Inputs], axes: Sequence[int], moments: Sequence[Moment]) -> list[float]:
    """By how much the action of each moment is another one than torch's, asked for alone and beside all others."""
    session = _session(path)
    together = {
        name: np.concatenate([each[name] for each in given], axis=axis)
        for name, axis in zip(given[0], axes, strict=True)
    }
    at_once = session.run(["action"], together)[0]
    return [
        max(
            _difference(session.run(["action"], inputs)[0], moment.actions),
            _difference(at_once[index : index + 1], moment.actions),
        )
        for index, (inputs, moment) in enumerate(zip(given, moments, strict=True))
    ]


def _difference(found: NDArray[Any], expected: NDArray[Any]) -> float:
    if found.size != expected.size:
        return float("inf")
    expected = np.asarray(expected, dtype=np.float64).ravel()
    apart = np.abs(found.astype(np.float64).ravel() - expected) / np.maximum(np.abs(expected), 1.0)
    return float(apart.max())


def _signature(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    session = _session(path)

    def told(several: Sequence[Any]) -> tuple[str, ...]:
        return tuple(
            f"{each.name}: {each.type.removeprefix('tensor(').removesuffix(')')}[{', '.join(map(str, each.shape))}]"
            for each in several
        )

    return told(session.get_inputs()), told(session.get_outputs())


def _session(path: Path) -> Any:
    return importlib.import_module("onnxruntime").InferenceSession(str(path), providers=["CPUExecutionProvider"])

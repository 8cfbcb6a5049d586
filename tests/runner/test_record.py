"""What a script tells of its package is believed where its key bears it out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from contract.documents.runs import Inputs
from contract.identity import training_inputs
from runner.layout import RunsFolder
from runner.record import read_record
from runner.sources import SourceReader
from runner.stages.package import keyed_script, package
from tests.runner.conftest import CODE, SOURCES, asked, job_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runner.layout import SessionFolder


@pytest.fixture
def packaged(tmp_path: Path) -> SessionFolder:
    """A sealed package of a job with names that are not ASCII."""
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "world.py").write_text("SIZE = 3\n", encoding="utf-8")
    sources = SourceReader(tmp_path / "none.json").read((tmp_path / "lab",))
    values = job_json(env={"id": "CartPole-v1", "n_envs": 2, "kwargs": {"title": "caf\u00e9\u2028", "scale": 0.1}})
    folder = RunsFolder(tmp_path).session("cart", 1)
    inputs = Inputs(training=training_inputs(values), sources=SOURCES, code=CODE)
    package(folder, job=values, request=asked(untried="it could not be"), sources=sources, inputs=inputs, parent=None)
    return folder


def test_both_documents_come_back_to_the_byte(packaged: SessionFolder) -> None:
    record = read_record(packaged.script.read_text(encoding="utf-8"))
    assert record is not None
    assert record.request_json == packaged.request.read_bytes()
    assert record.package_json == packaged.package_json.read_bytes()
    assert (record.request.untried, record.package.inputs.sources) == ("it could not be", SOURCES)


def test_what_a_script_tells_is_no_part_of_what_runs(packaged: SessionFolder) -> None:
    script = packaged.script.read_text(encoding="utf-8")
    record = read_record(script)
    assert record is not None
    assert script.startswith(keyed_script(record.package.key))
    assert script.removeprefix(keyed_script(record.package.key)).splitlines()[0].startswith("# ")
    assert script.isascii()


def changed(change: Callable[[dict[str, Any]], object]) -> Callable[[str], str]:
    """A script whose record somebody has changed."""

    def of(script: str) -> str:
        code, mark, text = script.rpartition("# relay-package: ")
        told = json.loads(text)
        change(told)
        return f"{code}{mark}{json.dumps(told)}\n"

    return of


@pytest.mark.parametrize(
    "of",
    [
        changed(lambda told: told["request"].update(goal=999)),
        changed(lambda told: told["package"]["job"].update(seed=999)),
        changed(lambda told: told["package"]["files"].pop("job.json")),
        changed(lambda told: told["package"]["inputs"]["training"].update(seed=999)),
        changed(lambda told: told["package"].update(key="0" * 64)),
        changed(lambda told: told.update(format=2)),
        changed(lambda told: told.pop("request")),
        lambda script: script + script.splitlines()[-1],
        lambda script: script.rpartition("# relay-package: ")[0],
        lambda script: script.replace("# relay-package: {", "# relay-package: [", 1),
        lambda _script: "print('somebody else\u2019s')",
    ],
)
def test_what_the_key_does_not_bear_out_is_not_believed(packaged: SessionFolder, of: Callable[[str], str]) -> None:
    script = of(packaged.script.read_text(encoding="utf-8"))
    assert read_record(script) is None

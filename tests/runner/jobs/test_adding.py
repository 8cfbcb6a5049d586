"""A job is added to jobs.yaml, and nothing else in it is another than before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contract.errors import InputError
from runner.jobs.adding import add_job, in_blocks

if TYPE_CHECKING:
    from pathlib import Path

JOB = "  # Tried.\n  best:\n    seed: 1\n"
BEFORE = "# Ours.\njobs:\n  cart: {seed: 0}   # the first\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (BEFORE, f"{BEFORE}{JOB}"),
        (f"{BEFORE}\n\n", f"{BEFORE}{JOB}"),
        (f"{BEFORE}\n# What all have.\ndefaults: {{}}\n", f"{BEFORE}{JOB}\n# What all have.\ndefaults: {{}}\n"),
        (f"defaults: {{}}\n{BEFORE}x-more: 1", f"defaults: {{}}\n{BEFORE}{JOB}\nx-more: 1"),
    ],
    ids=["at the end", "after empty lines", "before what follows", "before a key of one line"],
)
def test_it_stands_below_the_others(tmp_path: Path, before: str, after: str) -> None:
    file = tmp_path / "jobs.yaml"
    file.write_text(before, encoding="utf-8")
    add_job(file, "best", JOB, "paste it")
    assert file.read_text(encoding="utf-8") == after


@pytest.mark.parametrize(
    ("before", "sentence"),
    [
        ("jobs:\n  best: {}\n", "jobs.yaml: has a job best already; rename it, or paste it"),
        ("jobs:\n    cart: {seed: 0}\n", "jobs.yaml: is indented otherwise than by two spaces; paste it"),
        ("jobs: {cart: {seed: 0}}\n", "jobs.yaml: is indented otherwise"),
        ("defaults: {}\n", "jobs.yaml: has no jobs, so that none can be added to them; paste it"),
    ],
)
def test_a_file_that_leaves_no_place_is_left_alone(tmp_path: Path, before: str, sentence: str) -> None:
    file = tmp_path / "jobs.yaml"
    file.write_text(before, encoding="utf-8")
    with pytest.raises(InputError) as raised:
        add_job(file, "best", JOB, "paste it")
    assert sentence in str(raised.value)
    assert file.read_text(encoding="utf-8") == before


def test_values_are_written_in_blocks_with_lists_in_a_line() -> None:
    shared = [8, 16]
    assert in_blocks({"net": {"pi": shared, "vf": shared}}) == "net:\n  pi: [8, 16]\n  vf: [8, 16]\n"

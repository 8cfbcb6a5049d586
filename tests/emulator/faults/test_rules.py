"""Rules as a user writes them, and which calls they hit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contract.errors import InputError
from emulator.faults.rules import Kind, Rule, parse_header, parse_rules, read_rules

DOCS = Path(__file__).resolve().parents[3] / "docs" / "emulator-faults.md"


def hits(calls: int, **times: Any) -> list[int]:
    rule = Rule(kind=Kind.RESET, **times)
    return [number for number in range(1, calls + 1) if rule.happens(number)]


def test_without_a_number_every_call_is_hit() -> None:
    assert hits(4) == [1, 2, 3, 4]


def test_the_first_calls_are_hit_after_those_that_are_skipped() -> None:
    assert hits(6, first=2) == [1, 2]
    assert hits(6, first=2, skip=3) == [4, 5]


def test_every_third_call_is_hit() -> None:
    assert hits(9, every=3) == [3, 6, 9]
    assert hits(9, every=3, skip=1) == [4, 7]


def test_chance_comes_from_the_seed() -> None:
    drawn = hits(1000, probability=0.3, seed=7)
    assert drawn == hits(1000, probability=0.3, seed=7)
    assert drawn != hits(1000, probability=0.3, seed=8)
    assert 230 < len(drawn) < 370
    assert hits(100, probability=0.0) == []
    assert len(hits(100, probability=1.0)) == 100


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"kind": "resett"}, "rule 1, kind: Input should be 'too-many-requests'"),
        ([{"kind": "reset"}, {"kind": "reset", "frist": 1}], "rule 2, frist: Extra inputs"),
        ({"kind": "reset", "first": 0}, "rule 1, first: Input should be greater than or equal to 1"),
        ({"kind": "reset", "probability": 1.5}, "rule 1, probability: Input should be less than or equal to 1"),
        ({"kind": "reset", "first": 1, "every": 2}, "rule 1: first and every contradict each other"),
        ({"kind": "reset", "retry_after": 2}, "rule 1: retry_after says nothing about reset"),
        ({"kind": "answer"}, "rule 1: answer needs the fields to replace"),
        ("reset", "these are not rules; a rule is a mapping with `kind`"),
        ([["reset"]], "these are not rules; a rule is a mapping with `kind`"),
    ],
)
def test_what_is_no_rule_is_said_in_a_sentence(value: Any, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_rules(value, "faults.yaml")
    assert str(caught.value).startswith("faults.yaml")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_of_rules(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text("faults:\n  - {kind: reset, call: SaveKernel, first: 1}\n  - {kind: html-403, call: download}\n")
    assert [(rule.kind, rule.call) for rule in read_rules(file)] == [
        (Kind.RESET, "SaveKernel"),
        (Kind.HTML_403, "download"),
    ]
    file.write_text('[{"kind": "reset"}]')
    assert read_rules(file) == [Rule(kind=Kind.RESET)]


@pytest.mark.parametrize("content", [b"- [", b"\xff\xfe\x00", None])
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "faults.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match=r"^faults.yaml: ") as caught:
        read_rules(file)
    assert "\n" not in str(caught.value)


def test_a_header_is_a_kind_and_its_options() -> None:
    assert parse_header("reset") == Rule(kind=Kind.RESET)
    assert parse_header(" time-out; seconds=0.5 ;after=true;") == Rule(kind=Kind.TIME_OUT, seconds=0.5, after=True)
    assert parse_header("answer; fields={status: READY}").fields == {"status": "READY"}


@pytest.mark.parametrize("text", ["", "reset; first", "reset; seconds=[", "answer; fields=7"])
def test_a_header_that_is_none(text: str) -> None:
    with pytest.raises(InputError, match="the request's header"):
        parse_header(text)


def test_the_documentation_lists_every_kind_and_every_option() -> None:
    text = DOCS.read_text(encoding="utf-8")
    missing = [name for name in (*Kind, *Rule.model_fields) if f"`{name}`" not in text]
    assert missing == []

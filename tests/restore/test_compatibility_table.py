"""The table in the docs is the table of the rules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from contract.errors import InputError
from restore.compatibility_rules import RULES
from restore.compatibility_table import BEGIN, END, main, renewed, table

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "resume.md"


def test_the_docs_show_the_table_of_the_rules() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert renewed(text) == text, "renew it with `python -m restore.compatibility_table docs/resume.md`"


def test_every_rule_stands_in_the_table_with_its_verdict_and_reason() -> None:
    lines = table().splitlines()[2:]
    for rule in RULES:
        of_rule = [line for line in lines if f"`{rule.path}`" in line and line.endswith(f"| {rule.why} |")]
        assert len(of_rule) == 1
        assert f" | {rule.outcome} | " in of_rule[0]
        assert (f", {rule.when.text} |" in of_rule[0]) if rule.when else (", with a replay" not in of_rule[0])


def test_the_order_in_which_rules_decide_is_that_of_the_lines() -> None:
    text = table()
    assert text.index("`env.n_envs`, with a replay buffer | incompatible") < text.index("`env.n_envs` | recorded")


@pytest.mark.parametrize("old", ["", "| an old table |\n"])
def test_renewing_touches_nothing_but_what_is_between_the_marks(old: str) -> None:
    document = f"# Résumé\n\n{BEGIN}\n{old}{END}\n\nMore.\n"
    assert renewed(document) == f"# Résumé\n\n{BEGIN}\n\n{table()}\n\n{END}\n\nMore.\n"
    assert renewed(renewed(document)) == renewed(document)


@pytest.mark.parametrize(
    "document", ["", BEGIN, END, f"{END}{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}", f"{BEGIN}{END}{END}"]
)
def test_a_document_without_its_two_marks_is_left_alone(document: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lacks the two marks"):
        renewed(document)
    path = tmp_path / "resume.md"
    path.write_text(document, encoding="utf-8")
    assert main([str(path)]) == 2
    assert path.read_text(encoding="utf-8") == document


def test_the_command_renews_a_document_and_wants_one(tmp_path: Path) -> None:
    path = tmp_path / "résumé.md"
    path.write_text(f"{BEGIN}{END}", encoding="utf-8")
    command = [sys.executable, "-m", "restore.compatibility_table"]
    assert subprocess.run([*command, str(path)], cwd=ROOT, check=False).returncode == 0
    assert table() in path.read_text(encoding="utf-8")
    for arguments in ([], [str(path), str(path)], [str(tmp_path / "nowhere.md")]):
        ended = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
        assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)

"""What is said where something is not installed: one sentence, which names the extra and how this system sets up."""

from __future__ import annotations

import pytest

from contract import make
from contract.errors import UnavailableError
from docs.site import commands
from runner import extras
from tests.project import ROOT


def test_what_is_missing_is_named_with_its_extra() -> None:
    extras.have("a report", ["json", "pytest"], "report")
    with pytest.raises(UnavailableError) as refused:
        extras.have("a report", ["nobody", "json", "nowhere", "nothing"], "report")
    assert str(refused.value) == (
        "a report: needs nobody, nowhere and nothing, which are not installed here; "
        'run `pip install "kaggle-relay[report]"`, or in a clone `make setup`'
    )
    assert extras.install("wandb") == 'run `pip install "kaggle-relay[wandb]"`', "no set-up brings it"


def test_where_there_is_no_make_its_targets_are_spelled_without(monkeypatch: pytest.MonkeyPatch) -> None:
    assert make.target("clean setup") == "make clean setup"
    assert make.target("image", profile="cuda") == "make image PROFILE=cuda"
    monkeypatch.setattr(make, "HAS_MAKE", False)
    assert extras.install("report").endswith("or in a clone `python develop.py`")
    assert make.target("image", profile="cuda") == "python docker/image.py --profile cuda"
    told = {each.name: each.without_make for each in commands.targets((ROOT / "Makefile").read_text("utf-8"))}
    assert (make.target("setup"), make.target("image")) == (told["setup"], told["image"])

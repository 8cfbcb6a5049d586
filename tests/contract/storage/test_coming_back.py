"""Which files of a session come back, whatever an environment has left beside them."""

from __future__ import annotations

import pytest

from contract.storage import layout
from contract.storage.coming_back import MOST_NAMES, ComingBack, in_a_sentence, is_own
from contract.storage.layout import Artifacts

OWN = (
    "manifest.json",
    "training_metadata.json",
    "training_metrics.jsonl",
    "best_model/best_model.zip",
    "cart_final.zip",
    "checkpoints/cart_checkpoint_64_steps.zip",
    f"checkpoints/replay/{'a' * 64}.segment",
)


def test_what_a_session_itself_leaves_is_its_own() -> None:
    from pathlib import Path  # noqa: PLC0415 - for this test only

    artifacts = Artifacts(Path("/there"), "cart")
    named = (
        artifacts.manifest,
        artifacts.metadata,
        artifacts.metrics,
        artifacts.best_model,
        artifacts.final_model,
        artifacts.checkpoint(64),
        artifacts.segment("a" * 64),
    )
    assert tuple(path.relative_to("/there").as_posix() for path in named) == OWN
    assert all(map(is_own, OWN))


@pytest.mark.parametrize(
    "name", ["events.csv", "checkpoints/mine.zip", "below/manifest.json", "MANIFEST.JSON", "manifest.json\n", ""]
)
def test_everything_else_is_not(name: str) -> None:
    assert not is_own(name)


def test_the_sessions_own_files_come_whatever_came_before() -> None:
    coming = ComingBack(files=1, bytes=10)
    assert coming.takes("first.csv", 10)
    assert not coming.takes("second.csv", 0)
    assert all(coming.takes(name, 1 << 40) for name in OWN)
    assert coming.left_behind == ("second.csv: more than 1,000 files beside the session's own",)


def test_a_small_file_comes_though_a_large_one_does_not() -> None:
    coming = ComingBack(bytes=10)
    assert [coming.takes(*each) for each in (("a", 6), ("b", 6), ("c", 4), ("d", 1))] == [True, False, True, False]


@pytest.mark.parametrize(
    "name", ["caf\udce9", "a\x1b[2J", "aux.txt", "a:b", "a*", "end.", "../up", "/root", f"{'x' * 300}", "MANIFEST.json"]
)
def test_a_name_that_not_every_system_has_does_not_come(name: str) -> None:
    coming = ComingBack()
    assert not coming.takes(name, 1)
    (left,) = coming.left_behind
    assert left.isprintable()
    left.encode()


def test_two_names_that_are_one_where_case_is_ignored_do_not_both_come() -> None:
    coming = ComingBack()
    assert coming.takes("Video.mp4", 1)
    assert not coming.takes("video.MP4", 1)


def test_what_stays_behind_is_named_up_to_a_number_and_then_counted() -> None:
    coming = ComingBack()
    for number in range(MOST_NAMES + 1_234):
        coming.leave(f"{number}", "not a plain file")
    assert len(coming.left_behind) == MOST_NAMES + 1
    assert coming.left_behind[-1] == "and 1,234 more"
    assert (
        in_a_sentence(coming.left_behind) == "0: not a plain file; 1: not a plain file; 2: not a plain file; and more"
    )
    assert in_a_sentence(("one",)) == "one"


def test_whoever_keeps_everything_takes_any_name_that_this_system_has() -> None:
    coming = ComingBack.all_of_it()
    assert all(coming.takes(f"{number}", 1 << 40) for number in range(2_000))
    assert not coming.takes("caf\udce9", 1)
    assert coming.takes(layout.MANIFEST_FILE, 1)

"""What a kernel finds below /kaggle/input."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from emulator.sessions.sources import EXTRAS, place
from emulator.settings import MountedExtras, MountedVersion, MountLayout
from emulator.store.values import KernelState, Mount
from tests.emulated import EmulatedKaggle, emulated

if TYPE_CHECKING:
    from pathlib import Path

LISTS_INPUT = """
import json, os, pathlib
root = pathlib.Path(os.environ["RELAY_INPUT"])
found = {}
for path in sorted(root.rglob("*")):
    if path.is_file():
        writable = bool(path.stat().st_mode & 0o222)
        found[path.relative_to(root).as_posix()] = [path.read_text(), writable]
print(json.dumps(found))
"""


def found_by(api: Any, emulator: EmulatedKaggle, slug: str, **sources: Any) -> dict[str, list[Any]]:
    """The files that a kernel with these sources sees: content, and whether anybody may write there."""
    assert not api.kernels_push(str(emulator.kernel(LISTS_INPUT, slug, **sources))).error
    assert emulator.wait(slug) is KernelState.COMPLETE, api.kernels_logs(f"alice/{slug}")
    log = [each["data"] for each in json.loads(api.kernels_logs(f"alice/{slug}")) if each["stream_name"] == "stdout"]
    printed: dict[str, list[Any]] = json.loads("".join(log))
    return printed


def own_part(found: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Without the files that Kaggle adds to an output."""
    return {path: seen for path, seen in found.items() if path.rpartition("/")[2] not in EXTRAS}


def test_a_dataset_is_mounted_read_only_as_it_was_at_the_push(emulator: EmulatedKaggle) -> None:
    with emulator.client() as api:
        api.dataset_create_new(str(emulator.dataset({"a.txt": b"first"}, "mounted-data")), quiet=True)
        sources = {"dataset_sources": ["alice/mounted-data"]}
        path = "datasets/alice/mounted-data/a.txt"
        assert found_by(api, emulator, "mounts-a-dataset", **sources) == {path: ["first", False]}
        api.dataset_create_version(str(emulator.dataset({"a.txt": b"second"}, "mounted-data")), "2", quiet=True)
        assert found_by(api, emulator, "mounts-the-newest", **sources) == {path: ["second", False]}
        older = {"dataset_sources": ["alice/mounted-data/1"]}
        assert found_by(api, emulator, "mounts-an-older-one", **older) == {path: ["first", False]}


def test_another_kernels_latest_output_is_mounted(emulator: EmulatedKaggle) -> None:
    with emulator.client() as api:
        for content in ("first", "second"):
            script = f"import os; os.mkdir('deep'); open('deep/a.txt', 'w').write({content!r})"
            api.kernels_push(str(emulator.kernel(script, "leaves-output")))
            emulator.wait("leaves-output")
        path = "notebooks/alice/leaves-output/deep/a.txt"
        latest = found_by(api, emulator, "mounts-an-output", kernel_sources=["alice/leaves-output"])
        assert own_part(latest) == {path: ["second", False]}
        assert len(latest) == 1 + len(EXTRAS)
        older = found_by(api, emulator, "mounts-an-older-output", kernel_sources=["alice/leaves-output/1"])
        assert own_part(older) == {path: ["second", False]}, "the number is dropped"


@pytest.mark.parametrize("rule", list(MountedVersion))
def test_which_version_is_mounted_is_a_choice(tmp_path: Path, rule: MountedVersion) -> None:
    with emulated(tmp_path, mounted_version=rule, mounted_extras=MountedExtras.NONE) as kaggle, kaggle.client() as api:
        for content, ending in (("well", ""), ("badly", "1 / 0")):
            api.kernels_push(str(kaggle.kernel(f"open('a.txt', 'w').write({content!r})\n{ending}", "fails-at-last")))
            kaggle.wait("fails-at-last")
        found = found_by(api, kaggle, "goes-on-from-it", kernel_sources=["alice/fails-at-last"])
        first = found_by(api, kaggle, "goes-on-from-one", kernel_sources=["alice/fails-at-last/1"])
    path = "notebooks/alice/fails-at-last/a.txt"
    assert found == {path: ["well" if rule is MountedVersion.COMPLETE else "badly", False]}
    assert first == {path: ["well", False]}


def test_private_sources_of_others_are_not_there(emulator: EmulatedKaggle) -> None:
    with emulator.client("bob") as api:
        api.dataset_create_new(str(emulator.dataset({"a.txt": b"bobs"}, "bobs-own-data", user="bob")), quiet=True)
        public = emulator.dataset({"a.txt": b"everyones"}, "bobs-public-data", user="bob")
        api.dataset_create_new(str(public), public=True, quiet=True)
    with emulator.client() as api:
        sources = ["bob/bobs-own-data", "bob/bobs-public-data"]
        found = found_by(api, emulator, "mounts-of-others", dataset_sources=sources)
    assert found == {"datasets/bob/bobs-public-data/a.txt": ["everyones", False]}


@pytest.mark.parametrize("layout", [MountLayout.SLUG, MountLayout.ALTERNATE])
def test_sources_can_be_mounted_by_their_slugs(tmp_path: Path, layout: MountLayout) -> None:
    with emulated(tmp_path, mount_layout=layout) as kaggle, kaggle.client() as api:
        api.dataset_create_new(str(kaggle.dataset({"a.txt": b"1"}, "some-data")), quiet=True)
        sources = {"dataset_sources": ["alice/some-data"]}
        found = [[*found_by(api, kaggle, f"number-{number}", **sources)] for number in (1, 2)]
    by_owner, by_slug = ["datasets/alice/some-data/a.txt"], ["some-data/a.txt"]
    assert found == ([by_slug, by_slug] if layout is MountLayout.SLUG else [by_owner, by_slug])


def test_layouts_say_where_a_mount_lies() -> None:
    mount = Mount("notebooks", "alice", "a-kernel", 7)
    assert place(mount, MountLayout.OWNER, 2) == "notebooks/alice/a-kernel"
    assert place(mount, MountLayout.SLUG, 1) == "a-kernel"

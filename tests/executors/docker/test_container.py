"""What a container is made of, without an engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import docker
import pytest

from executors.base import Workload
from executors.docker.container import container_environment, container_names, host_config, workload_files
from executors.docker.limits import DockerSettings, container_limits

LIMITS = container_limits(
    DockerSettings(memory=1 << 30, cpus=1.5, working=10**9, pids=64), {"MemTotal": 8 << 30, "NCPU": 4}, None
)


def workload(**changes: Any) -> Workload:
    return Workload("one", Path("script.py"), {}, **changes)


def config(*, gpu: bool = False, **changes: Any) -> dict[str, Any]:
    api = docker.APIClient(base_url="http://127.0.0.1:9", version="1.41")  # asks nobody
    return host_config(api, workload(**changes), LIMITS, container_names(Path("/here")).attempt("one"), gpu=gpu)


def test_nothing_can_be_gained_and_nothing_be_written_but_the_working_and_the_scratch_folders() -> None:
    made = config()
    assert made["ReadonlyRootfs"] is True
    assert made["CapDrop"] == ["ALL"]
    assert made["SecurityOpt"] == ["no-new-privileges"]
    assert {each["Target"]: each["ReadOnly"] for each in made["Mounts"]} == {"/kaggle": True, "/kaggle/working": False}
    assert {each["Type"] for each in made["Mounts"]} == {"volume"}  # no folder of this machine
    assert set(made["Tmpfs"]) == {"/tmp", "/kaggle/temp"}  # noqa: S108 - inside


def test_it_is_bounded() -> None:
    made = config()
    assert (made["Memory"], made["MemorySwap"], made["NanoCpus"], made["PidsLimit"], made["ShmSize"]) == (
        1 << 30,
        1 << 30,
        1_500_000_000,
        64,
        1 << 30,
    )
    assert {each["Name"]: each["Hard"] for each in made["Ulimits"]} == {"fsize": 10**9, "core": 0}


@pytest.mark.parametrize(("internet", "mode"), [(False, "none"), (True, "bridge")])
def test_the_network_is_there_when_it_was_asked_for(mode: str, *, internet: bool) -> None:
    assert config(internet=internet)["NetworkMode"] == mode


def test_a_gpu_is_asked_for_and_never_assumed() -> None:
    assert "DeviceRequests" not in config()
    (request,) = config(gpu=True)["DeviceRequests"]
    assert (request["Count"], request["Capabilities"]) == (1, [["gpu"]])


def test_its_entry_is_told_the_limits() -> None:
    assert container_environment(workload(environment={"A": "b"}, limit_seconds=90.0), LIMITS) == {
        "A": "b",
        "RELAY_WORKING_BYTES": "1000000000",
        "RELAY_LIMIT_SECONDS": "90",
    }
    assert "RELAY_LIMIT_SECONDS" not in container_environment(workload(), LIMITS)


def test_its_files_lie_where_kaggle_puts_them(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a", encoding="utf-8")
    given = Workload("one", tmp_path / "given.py", {"datasets/bob/slug": tmp_path})
    entries = {each.name: each for each in workload_files(given)}
    assert "kaggle/input/datasets/bob/slug/a.txt" in entries
    assert entries["kaggle/src/script.py"].source == tmp_path / "given.py"
    assert entries["kaggle/working"].mode == 0o777  # whoever the container runs as


def test_names_are_the_same_for_every_command_and_others_in_another_folder(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    names = container_names(tmp_path)
    assert names == container_names(tmp_path / "link")
    assert names.container("one") != container_names(tmp_path / "b").container("one")
    assert names.attempt("one").volumes != names.attempt("one").volumes
    assert names.container("one").startswith("relay-one-")

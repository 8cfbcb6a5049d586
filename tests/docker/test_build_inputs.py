from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import build_inputs
import kaggle_list
import pytest

import develop

if TYPE_CHECKING:
    from pathlib import Path

PROFILES = ("cpu", "cuda", "kaggle")


def test_pip_settings_are_read_as_pip_prints_them_and_the_environment_wins() -> None:
    listing = (
        ":env:.index-url='https://own.example/simple'\n"
        ":env:.default-timeout='180'\n"
        "global.extra-index-url='https://a.example/simple https://b.example/simple'\n"
        "global.index-url='https://other.example/simple'\n"
    )
    assert build_inputs.pip_settings(listing) == {
        "extra-index-url": ["https://a.example/simple", "https://b.example/simple"],
        "index-url": ["https://own.example/simple"],
        "timeout": ["180"],
    }


def test_what_means_something_on_this_machine_alone_does_not_enter_the_build() -> None:
    settings = {
        "cert": ["/etc/ssl/own.pem"],
        "constraint": ["/etc/pip/constraints.txt"],
        "find-links": ["/opt/wheels"],
        "extra-index-url": ["file:///opt/simple", "https://a.example/simple"],
        "timeout": ["180"],
    }
    text = build_inputs.settings_for_the_build(settings)
    assert text == "[global]\nextra-index-url = https://a.example/simple\ntimeout = 180\n"
    assert build_inputs.settings_for_the_build({"find-links": ["/opt/wheels"]}) == ""


def test_the_bundle_of_certificates_is_the_one_that_pip_was_told_of(tmp_path: Path) -> None:
    told, other = tmp_path / "told.pem", tmp_path / "other.pem"
    told.touch()
    other.touch()
    assert build_inputs.ca_bundle({"cert": [str(told)]}, {"SSL_CERT_FILE": str(other)}) == told
    assert build_inputs.ca_bundle({}, {"SSL_CERT_FILE": str(other)}) == other
    assert build_inputs.ca_bundle({"cert": [str(tmp_path / "gone.pem")]}, {}) is None


def test_local_wheels_are_taken_by_their_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locks, wheels = tmp_path / "locks", tmp_path / "wheels"
    locks.mkdir()
    wheels.mkdir()
    right, wrong, another = (wheels / f"{name}.whl" for name in ("torch-1-py3", "torch-2-py3", "numpy-1-py3"))
    for wheel in (right, wrong, another):
        wheel.write_text(wheel.name, encoding="utf-8")
    known = [hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in (right, another)]
    lock = "# torch\ntorch==1 \\\n" + " \\\n".join(f"    --hash=sha256:{each}" for each in known) + "\n"
    locks.joinpath("requirements-cpu-torch.lock").write_text(lock, encoding="utf-8")
    monkeypatch.setattr(build_inputs, "FOLDER", locks)
    settings = {"find-links": [str(wheels), str(tmp_path / "no such folder"), "https://a.example/links"]}
    assert build_inputs.local_wheels(settings, "cpu") == [right]


def test_the_digest_of_a_build_changes_with_everything_that_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in build_inputs.FOLDER.iterdir():
        if path.is_file():
            tmp_path.joinpath(path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(build_inputs, "FOLDER", tmp_path)
    seen = {build_inputs.build_digest(profile, "sha256:base") for profile in PROFILES}
    seen.add(build_inputs.build_digest("cpu", "sha256:another base"))
    for name in ("Dockerfile", "entry.py", "install.py", "requirements-cpu.lock", "requirements-cpu-torch.lock"):
        with tmp_path.joinpath(name).open("a", encoding="utf-8") as stream:
            stream.write("# changed\n")
        seen.add(build_inputs.build_digest("cpu", "sha256:base"))
    assert len(seen) == 9
    tmp_path.joinpath("kaggle-packages.txt").write_text("changed", encoding="utf-8")
    assert build_inputs.build_digest("cpu", "sha256:base") in seen


def test_the_old_builder_gets_the_same_steps_without_mounts() -> None:
    text = build_inputs.FOLDER.joinpath("Dockerfile").read_text(encoding="utf-8")
    assert text.count("--mount=") == 8
    rewritten = build_inputs.for_the_old_builder(text)
    assert "--mount" not in rewritten
    assert rewritten.count("python3 install.py") == text.count("python3 install.py") == 2
    builder, runtime = rewritten.split("FROM base AS runtime")
    assert "COPY secrets/" in builder
    assert "secrets" not in runtime


@pytest.mark.parametrize("profile", PROFILES)
def test_every_package_of_a_lock_has_its_hashes(profile: str) -> None:
    for lock in build_inputs.locks(profile):
        entries = lock.read_text(encoding="utf-8").replace("\\\n", "").splitlines()
        packages = [entry for entry in entries if entry and not entry.startswith("#")]
        assert all("--hash=sha256:" in entry and "==" in entry for entry in packages), lock
        assert packages or "Kaggle's image has torch" in lock.read_text(encoding="utf-8")


def test_the_cpu_image_has_kaggles_versions_but_for_torch_and_a_newer_python() -> None:
    torch, rest = build_inputs.locks("cpu")
    assert pinned(torch) == {"torch": f"{develop.TORCH}+cpu"}
    listed = kaggle_list.read(build_inputs.FOLDER / "kaggle-packages.txt")
    older, newer = pinned(rest, without=">="), pinned(rest, without="<")
    assert {"numpy", "gymnasium", "pydantic", "stable-baselines3"} <= older.keys()
    for name, version in older.items():
        kaggles = listed[name].exact if name in listed else None
        assert kaggles is None or version == kaggles, name
    assert newer.items() <= pinned(develop.LOCK).items()


def test_the_cuda_image_has_kaggles_versions_wherever_kaggle_has_the_package() -> None:
    listed = kaggle_list.read(build_inputs.FOLDER / "kaggle-packages.txt")
    torch, rest = map(pinned, build_inputs.locks("cuda"))
    assert {"torch", "triton", "nvidia-cudnn-cu12"} <= torch.keys()
    assert {"numpy", "gymnasium", "stable-baselines3"} <= rest.keys()
    for name, version in {**torch, **rest}.items():
        kaggles = listed[name].exact if name in listed else None
        assert kaggles is None or version == kaggles.partition("+")[0], name


def test_kaggles_image_gets_what_it_lacks_and_nothing_else() -> None:
    listed = kaggle_list.read(build_inputs.FOLDER / "kaggle-packages.txt")
    torch, rest = map(pinned, build_inputs.locks("kaggle"))
    assert torch == {}
    assert rest.keys() == {"stable-baselines3", "sb3-contrib"}
    assert all(listed[name].version is None for name in rest)


def pinned(lock: Path, without: str = "no marker") -> dict[str, str]:
    """The versions in a lock, by the packages' names, but for lines with a marker of that sign."""
    lines = [line for line in lock.read_text(encoding="utf-8").splitlines() if line[:1].isalnum()]
    kept = [line.partition(" ")[0] for line in lines if without not in line]
    return {name: version for name, _, version in (line.partition("==") for line in kept)}

"""Which files a folder holds, and that what cannot be carried is refused by name: nothing from outside ever is."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
import zipfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contract.errors import InputError
from runner.sources import SourceReader
from runner.sources.walk import problem_with_name
from tests.runner.sources.conftest import PROGRAM, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="other systems take no such name")
NOBODY = 65534


def refusal(folder: Path) -> str:
    """The sentence by which the folder is refused, without its subject."""
    with pytest.raises(InputError) as caught:
        read(folder)
    subject, _, sentence = str(caught.value).partition(": ")
    assert subject == f"sources {folder}"
    assert caught.value.exit_code == 2
    assert sentence.isprintable()
    return sentence


def packed(folder: Path) -> dict[str, bytes]:
    """What would be sent along."""
    with zipfile.ZipFile(BytesIO(read(folder).bundle())) as bundle:
        return {name: bundle.read(name) for name in bundle.namelist()}


def test_names_begin_with_the_folder_and_leave_out_what_nobody_wrote(package: Path) -> None:
    for name in (".git/config", ".hidden.py", "__pycache__/module.pyc", "node_modules/x.js", "old.pyc", "module.py~"):
        path = package / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x", encoding="utf-8")
    (package / ".#module.py").symlink_to("somebody@somewhere.1234")  # how an editor marks a file as being edited
    (package / "gone.pyc").symlink_to("nowhere")
    assert sorted(read(package).paths) == ["pkg/__init__.py", "pkg/inner/table.csv", "pkg/module.py"]


def test_a_link_within_the_folder_is_carried_as_a_copy(package: Path) -> None:
    (package / "alias.py").symlink_to("module.py")
    (package / "current").symlink_to(package / "inner", target_is_directory=True)
    (package / "inner" / "back.py").symlink_to("../alias.py")
    contents = packed(package)
    program = PROGRAM.encode()
    assert contents["pkg/alias.py"] == contents["pkg/inner/back.py"] == contents["pkg/current/back.py"] == program
    assert contents["pkg/current/table.csv"] == contents["pkg/inner/table.csv"]


@pytest.mark.parametrize("target", [".", "..", "inner/..", "PKG"])
@pytest.mark.parametrize("link", ["again", "inner/again"])
def test_a_link_to_a_folder_around_it_is_refused(package: Path, link: str, target: str) -> None:
    where = package / link
    where.symlink_to(package if target == "PKG" else os.path.relpath(package / target, where.parent))
    outside = target == ".."
    problem = "leads out of the folder" if outside else "to a folder in which it lies itself"
    assert refusal(package).startswith(f"pkg/{link} is a link ")
    assert problem in refusal(package)


def test_links_that_lead_to_each_other_are_refused(package: Path) -> None:
    (package / "other").mkdir()
    (package / "inner" / "there").symlink_to("../other")
    (package / "other" / "back").symlink_to("../inner")
    sentence = refusal(package)
    assert sentence.startswith(("pkg/inner/there/back is a link", "pkg/other/back/there is a link"))
    assert sentence.endswith("to a folder in which it lies itself; remove the link")
    (package / "other" / "back").unlink()
    assert len(packed(package)) == 3


@pytest.mark.parametrize(
    ("link", "target", "problem"),
    [
        ("self.py", "self.py", "is a link that leads back to itself; correct it, or remove it"),
        ("gone.py", "nowhere.py", "is a link that leads nowhere; correct it, or remove it"),
        ("gone.py", "module.py/below", "cannot be read (Not a directory)"),
    ],
)
def test_a_link_that_leads_to_nothing_is_refused(package: Path, link: str, target: str, problem: str) -> None:
    (package / link).symlink_to(target)
    assert refusal(package).startswith(f"pkg/{link} {problem}")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A folder outside, whose name begins as the folder of sources does."""
    folder = tmp_path / "pkg-secret"
    folder.mkdir()
    (folder / "token").write_text("top secret", encoding="utf-8")
    return folder


@pytest.mark.parametrize(("link", "target"), [("private", ""), ("notes.txt", "token"), ("inner/notes.txt", "token")])
@pytest.mark.parametrize("relative", [False, True])
def test_a_link_that_leads_out_of_the_folder_is_refused(
    package: Path, secret: Path, link: str, target: str, relative: bool
) -> None:
    where, there = package / link, secret / target
    where.symlink_to(os.path.relpath(there, where.parent) if relative else there)
    assert refusal(package) == (
        f"pkg/{link} is a link that leads out of the folder; put what it leads to in its place, or remove the link"
    )


def test_a_link_that_leads_out_by_another_link_is_refused(package: Path, secret: Path) -> None:
    (package / ".hop").symlink_to(secret)
    (package / "notes.txt").symlink_to(".hop/token")
    assert "pkg/notes.txt is a link that leads out of the folder" in refusal(package)


def test_a_file_that_a_link_has_taken_the_place_of_is_not_packed(package: Path, secret: Path) -> None:
    sources = read(package)
    (package / "module.py").unlink()
    (package / "module.py").symlink_to(secret / "token")
    with pytest.raises(InputError, match=r"pkg/module\.py was changed after the session was planned"):
        sources.bundle()


def test_a_folder_may_be_a_link_within_the_project_and_not_out_of_it(package: Path, tmp_path: Path) -> None:
    project, outside = tmp_path / "project", tmp_path / "outside"
    shutil.copytree(package, project / "inside" / "pkg")
    outside.mkdir()
    shutil.move(package, outside)
    (project / "lab").symlink_to("inside/pkg")
    (project / "out").symlink_to(outside / "pkg")
    (project / "around").symlink_to(outside)
    (project / "more").mkdir()
    (tmp_path / "by a link").symlink_to(project)
    for root in (project, tmp_path / "by a link"):
        reader = SourceReader(tmp_path / "none.json", root)
        assert "lab/module.py" in reader.read((root / "lab",)).paths
        for folder in ("out", "around/pkg"):
            with pytest.raises(InputError) as caught:
                reader.read((root / folder,))
            problem = "is a link that leads out of the project; put the folder itself into the project"
            assert str(caught.value) == f"sources {folder}: {problem}"


if sys.platform != "win32":

    def test_a_pipe_and_a_socket_are_refused_and_not_waited_for(package: Path) -> None:
        problem = "is a pipe, a socket or a device, not a file; move it out of the folder"
        os.mkfifo(package / "pipe")
        assert refusal(package) == f"pkg/pipe {problem}"
        (package / "pipe").unlink()
        here = Path.cwd()
        os.chdir(package)  # a socket's path is 108 bytes at most
        try:
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind("socket")
                assert refusal(package) == f"pkg/socket {problem}"
        finally:
            os.chdir(here)


@ON_LINUX
@pytest.mark.parametrize("is_folder", [False, True])
def test_a_name_that_is_not_utf8_is_refused_by_its_bytes(package: Path, is_folder: bool) -> None:
    path = package / os.fsdecode(b"inner/caf\xe9.txt")
    path.mkdir() if is_folder else path.touch()
    assert (
        refusal(package)
        == r"pkg/inner/caf\xe9.txt has a name that is not UTF-8; rename it, or move it out of the folder"
    )
    path.rename(package / os.fsdecode(b"inner/.caf\xe9.txt"))
    assert len(packed(package)) == 3


def test_names_of_every_script_are_carried(package: Path) -> None:
    for name in ("café.txt", "交通.py", "two\nlines.txt" if os.name == "posix" else "lines.txt", "a b.txt"):
        (package / name).write_text("x", encoding="utf-8")
    assert {"pkg/café.txt", "pkg/交通.py", "pkg/a b.txt"} < packed(package).keys()
    assert len(packed(package)) == 7


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("a" * 255, None),
        ("交" * 85, None),
        ("交" * 86, "has a name of 258 bytes, and Linux takes at most 255"),  # macOS and Windows take 255 characters
        ("a\udce9", "has a name that is not UTF-8"),
    ],
)
def test_a_name_must_be_one_for_the_machine_of_the_session(name: str, problem: str | None) -> None:
    assert problem_with_name(name) == problem


@pytest.fixture
def unreadable() -> Iterator[Callable[[str], Path]]:
    """Makes a folder in which this process may not read one thing, even if root runs the tests."""
    root = Path(tempfile.mkdtemp())
    folder = root / "pkg"
    (folder / "inner").mkdir(parents=True)
    (folder / "private.txt").touch()
    root.chmod(0o755)

    def without(name: str) -> Path:
        (root / name).chmod(0)
        if sys.platform != "win32" and is_root:
            os.seteuid(NOBODY)
        return folder

    is_root = sys.platform != "win32" and os.geteuid() == 0
    try:
        yield without
    finally:
        if sys.platform != "win32" and is_root:
            os.seteuid(0)
        for path in (folder, folder / "inner"):
            path.chmod(0o700)
        shutil.rmtree(root)


@pytest.mark.parametrize("name", ["pkg", "pkg/inner", "pkg/private.txt"])
def test_what_may_not_be_read_is_refused_by_name(unreadable: Callable[[str], Path], name: str) -> None:
    problem = "cannot be read (Permission denied); make it readable for you, or move it out of the folder"
    assert refusal(unreadable(name)) == f"{name} {problem}"


@pytest.mark.parametrize(
    "name", ["kaggle.json", "Kaggle.JSON", "access_token", "credentials.json", "key.pem", "id_rsa"]
)
def test_a_key_or_a_token_is_not_uploaded(package: Path, name: str) -> None:
    (package / "inner" / name).write_text("secret", encoding="utf-8")
    problem = "has the name of a key or a token, and sources are uploaded as they are; move it out of the folder"
    assert refusal(package) == f"{package.name}/inner/{name} {problem}"

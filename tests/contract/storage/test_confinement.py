"""Whatever name a stranger gives to a file: it stays inside the folder that it is put into, or it is refused."""

from __future__ import annotations

import ntpath
import posixpath
import sys
import tempfile
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contract.storage.confinement import Strictness, confined, one_spelling
from tests.examples import some

PIECES = (
    *("..", ".", "", "...", ".. ", ". .", "a", "b.zip", "A", "aux", "NUL.txt", "com1", "LPT\u00b9.x", "conin$"),
    *(
        "C:",
        "c:x",
        "a:b",
        "\\",
        "..\\..",
        "\\\\host\\share",
        "\\\\?\\C:",
        "\0",
        "a\0b",
        "~",
        "~root",
        "$HOME",
        "%TEMP%",
    ),
    *(
        "a ",
        "a.",
        "a?",
        "*",
        "\n",
        "\x1b[2J",
        "\u202e",
        "\ud800",
        "\udcff",
        "\u2215",
        "\uff0f",
        "\uff0e\uff0e",
        "x" * 300,
    ),
)
NAMES = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=6).map("/".join),
    st.lists(st.sampled_from(PIECES), max_size=4).map("".join),
    st.text(max_size=30),
)
ON_WINDOWS = PureWindowsPath("D:\\runs\\folder")
ON_POSIX = PurePosixPath("/runs/folder")


def leads_out(name: PurePosixPath) -> bool:
    """Whether any system would look for the file outside, as its own rules of paths have it."""
    windows = PureWindowsPath(ntpath.normpath(ON_WINDOWS / name))
    posix = PurePosixPath(posixpath.normpath(ON_POSIX / name))
    # What Windows drops at the end of a part, which pathlib knows nothing of.
    stripped = PurePosixPath(*(part.rstrip(". ") or ".." for part in name.parts))
    stripped_windows = PureWindowsPath(ntpath.normpath(ON_WINDOWS / stripped))
    return not (
        posix.is_relative_to(ON_POSIX)
        and posix != ON_POSIX
        and all(each.is_relative_to(ON_WINDOWS) and each != ON_WINDOWS for each in (windows, stripped_windows))
    )


@settings(max_examples=some(500), deadline=None)
@given(name=NAMES, strictness=st.sampled_from(Strictness))
@example(name="a/c:x", strictness=Strictness.THIS_SYSTEM)
@example(name="a/.. /.. /b", strictness=Strictness.THIS_SYSTEM)
def test_no_name_leads_out_on_any_system(name: str, strictness: Strictness) -> None:
    path = confined(name, strictness)
    if path is not None:
        assert not leads_out(path)
        assert not leads_out(PurePosixPath(name))
        assert path.parts == tuple(part for part in name.split("/") if part not in ("", "."))


@settings(max_examples=some(200), deadline=None)
@given(name=NAMES)
def test_what_passes_can_be_written_and_lies_inside(name: str) -> None:
    path = confined(name, Strictness.THIS_SYSTEM)
    if path is None:
        return
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root).resolve() / "folder"
        target = folder / path
        target.parent.mkdir(parents=True)
        target.write_bytes(b"content")
        assert target.resolve().is_relative_to(folder)
        written = [each for each in Path(root).rglob("*") if each.is_file()]
        assert [each.read_bytes() for each in written] == [b"content"]
        assert all(each.is_relative_to(folder) for each in (each.resolve() for each in written))


@settings(max_examples=some(300), deadline=None)
@given(name=NAMES)
def test_what_every_system_takes_this_one_takes(name: str) -> None:
    if (path := confined(name, Strictness.EVERY_SYSTEM)) is not None:
        assert confined(name, Strictness.THIS_SYSTEM) == confined(name, Strictness.NO_SYSTEM) == path
        assert name.isprintable()
        assert all(part == part.rstrip(". ") for part in path.parts)
        is_reserved = getattr(ntpath, "isreserved", None)  # from Python 3.13 on, Python's own list
        assert is_reserved is None or not is_reserved(str(path))


@pytest.mark.parametrize("strictness", Strictness)
@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "/", "//", "/etc/passwd", "//host/share", "../a", "a/../../b", "a/..", "a/../b", "./.."),
        *("C:/a", "C:a", "c:", "a/c:x", "a:stream", "a\\b", "..\\a", "\\\\host\\a", "\\\\?\\C:\\a", "a\0b", "\0"),
        *("...", ".. ", "a/. ./b", " ", "\ud800", "a/\udcff"),
    ],
)
def test_these_lead_out_or_to_no_file_anywhere(name: str, strictness: Strictness) -> None:
    assert confined(name, strictness) is None


@pytest.mark.parametrize("name", ["x" * 256, "a/" + "\u00e9" * 128, "a/" * 2_048 + "b"])
def test_these_are_too_long_for_any_file_and_lead_nowhere(name: str) -> None:
    assert confined(name, Strictness.NO_SYSTEM) == PurePosixPath(name)
    assert confined(name, Strictness.THIS_SYSTEM) is None
    assert confined(name, Strictness.EVERY_SYSTEM) is None


@pytest.mark.skipif(sys.platform == "win32", reason="what Windows does not take is refused there in any case")
@pytest.mark.parametrize(
    "name",
    [
        "aux",
        "nul.tar.gz",
        "a/COM1.txt",
        "LPT\u00b2",
        "con ",
        "CONOUT$",
        "a./b",
        "a ",
        "a?",
        "*",
        "a|b",
        "a\nb",
        "\u202ea",
    ],
)
def test_these_are_files_on_posix_alone(name: str) -> None:
    assert confined(name, Strictness.EVERY_SYSTEM) is None
    assert confined(name, Strictness.THIS_SYSTEM) == PurePosixPath(name)


def test_on_windows_this_system_is_as_strict_as_every_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert confined("aux", Strictness.THIS_SYSTEM) is None
    assert confined("a/b.zip", Strictness.THIS_SYSTEM) == PurePosixPath("a/b.zip")


@pytest.mark.parametrize("strictness", Strictness)
@pytest.mark.parametrize(
    ("name", "path"),
    [
        *(("a", "a"), ("a/b.zip", "a/b.zip"), ("..a", "..a"), ("a..b/c", "a..b/c"), (".data/x", ".data/x")),
        *(
            ("./a", "a"),
            ("a//b/", "a/b"),
            ("a/./b", "a/b"),
            ("\u00e4 b", "\u00e4 b"),
            ("null", "null"),
            ("comm1", "comm1"),
        ),
        *(("~/a", "~/a"), ("x" * 255, "x" * 255)),
    ],
)
def test_these_are_files_inside(name: str, path: str, strictness: Strictness) -> None:
    assert confined(name, strictness) == PurePosixPath(path)


@pytest.mark.parametrize(("one", "other"), [("data", "DATA"), ("\u00e9", "e\u0301"), ("\u00df", "SS"), ("\uff41", "A")])
def test_names_that_are_one_file_somewhere_have_one_spelling(one: str, other: str) -> None:
    assert one_spelling(one) == one_spelling(other)
    assert one_spelling(one) != one_spelling(one + "x")

"""A zip whose headers lie is refused, even where the record inside it vouches for every member."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.storage.layout import OPTIMIZER_MEMBER, POLICY_MEMBER, STATE_MEMBER, VARIABLES_MEMBER
from tests.restore.fuzz.guard import MOST_MEMORY, fuzz
from tests.restore.fuzz.signing import Sound, signed
from tests.restore.fuzz.zip_damage import DAMAGES, UNFOLDED, WIDE, bomb, zeros
from tests.restore.fuzz.zips import Entry, packed, unpacked

if TYPE_CHECKING:
    from tests.restore.fuzz.guard import Guard

LONG = "x" * 300
HOSTILE_PARTS = (
    "",
    ".",
    "..",
    "...",
    "C:",
    "c:x",
    "\\",
    "a\\b",
    "\\\\host\\share",
    "x ",
    "x.",
    "nul",
    "COM1.txt",
    "aux",
)
HOSTILE_CHARACTERS = ("\0", "\n", "\r", "\x1b[2J", "\u202e", "\u2028", "\ud800", "?", "*", "<", '"', "|", LONG)


def hostile_names() -> st.SearchStrategy[str]:
    """Names that lead out of their folder, to no file, or to another one than they show."""
    plain = st.sampled_from(["a", "relay", "policy.pth", "etc"])
    around = st.lists(plain, max_size=3)
    parts = st.tuples(around, st.sampled_from(HOSTILE_PARTS), around).map(
        lambda each: "/".join([*each[0], each[1], *each[2]])
    )
    characters = st.tuples(plain, st.sampled_from(HOSTILE_CHARACTERS), plain).map("".join)
    return st.one_of(parts, characters)


def spelled_otherwise(name: str) -> st.SearchStrategy[str]:
    """Names that are the same file where case, width or the composition of accents is ignored."""
    wide = "".join(chr(ord(each) + 0xFEE0) if each.isalnum() else each for each in name)
    return st.sampled_from(
        [name, name.upper(), name.capitalize(), wide, name.replace("s", "\u017f"), name[:-1] + wide[-1]]
    )


def test_members_that_are_signed(guard: Guard, sound: dict[str, Sound]) -> None:
    @fuzz(180)
    @given(data=st.data())
    def refused(data: st.DataObject) -> None:
        base = sound["PPO"]
        content = data.draw(st.sampled_from([b"", b"code", base.members["data"]]))
        if data.draw(st.booleans(), label="a twin"):
            name = data.draw(st.sampled_from([STATE_MEMBER, "data", POLICY_MEMBER]).flatmap(spelled_otherwise))
        else:
            name = data.draw(hostile_names())
        guard.refused(signed(base, Entry(name.encode("utf-8", "surrogatepass"), content)).pack())

    refused()
    guard.enough()
    for name in (b"\xff\xfe", b"na\xefve", b"\xed\xa0\x80"):
        guard.refused(signed(sound["PPO"], Entry(name, b"").lying(flags=1 << 11)).pack())


@pytest.mark.parametrize("algorithm", ["PPO", "SAC", "DQN"])
def test_a_member_that_is_missing_or_too_much(guard: Guard, sound: dict[str, Sound], algorithm: str) -> None:
    whole = signed(sound[algorithm])
    for index, entry in enumerate(whole.entries):
        rest = (*whole.entries[:index], *whole.entries[index + 1 :])
        guard.refused(replace(whole, entries=rest).pack())
        guard.refused(whole.changed(index, lambda each: replace(each, name=b"x" + each.name)).pack())
        guard.refused(whole.changed(index, lambda each: replace(each, name=each.name.upper(), content=b"")).pack())
        guard.refused(replace(whole, entries=(*whole.entries, replace(entry, name=b"relay/" + entry.name))).pack())
        following = whole.entries[(index + 1) % len(whole.entries)].name
        guard.refused(whole.changed(index, lambda each, name=following: replace(each, name=name)).pack())  # type: ignore[misc]
    guard.refused(signed(sound[algorithm], *(Entry(b"%d" % each, b"") for each in range(64))).pack())


def test_two_members_that_changed_places(guard: Guard, sound: dict[str, Sound]) -> None:
    whole = signed(sound["PPO"])
    for one, two in itertools.combinations(range(len(whole.entries)), 2):
        names = whole.entries[two].name, whole.entries[one].name
        entries = list(whole.entries)
        for index, name in zip((one, two), names, strict=True):
            entries[index] = replace(entries[index], name=name)
        guard.refused(replace(whole, entries=tuple(entries)).pack())


def test_the_order_of_members_is_nobodys_business(guard: Guard, sound: dict[str, Sound]) -> None:
    @fuzz(15)
    @given(data=st.data())
    def accepted(data: st.DataObject) -> None:
        whole = signed(sound["PPO"])
        shuffled = replace(whole, entries=tuple(data.draw(st.permutations(whole.entries))))
        listed = tuple(data.draw(st.permutations(range(len(whole.entries)))))
        assert guard.sound(replace(shuffled, listed=listed).pack()) == guard.sound(whole.pack())

    accepted()


def test_headers_that_lie(guard: Guard, sound: dict[str, Sound]) -> None:
    @fuzz(270)
    @given(data=st.data())
    def refused(data: st.DataObject) -> None:
        whole = signed(sound[data.draw(st.sampled_from(["PPO", "PPO", "PPO", "SAC", "DQN"]))])
        damage = data.draw(st.sampled_from(DAMAGES))
        guard.refused(damage(data.draw, whole).pack())

    refused()
    guard.enough()


def test_headers_that_lie_in_a_torch_file(guard: Guard, sound: dict[str, Sound]) -> None:
    @fuzz(150)
    @given(data=st.data())
    def refused(data: st.DataObject) -> None:
        name = data.draw(st.sampled_from([POLICY_MEMBER, OPTIMIZER_MEMBER]))
        damage = data.draw(st.sampled_from(DAMAGES))
        inner = damage(data.draw, packed(unpacked(sound["PPO"].members[name]))).pack()
        assert f"in '{name}'" in guard.refused(signed(sound["PPO"].but(**{name: inner})).pack())

    refused()
    guard.enough()


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_a_bomb_in_the_place_of_a_torch_file_stays_folded(guard: Guard, sound: dict[str, Sound], levels: int) -> None:
    assert len(bomb(levels)) < 1 << 20
    for name in (POLICY_MEMBER, VARIABLES_MEMBER, "more.pth"):
        guard.refused(signed(sound["PPO"].but(**{name: bomb(levels)})).pack(), memory=MOST_MEMORY)


@pytest.mark.parametrize("size", [0, UNFOLDED, WIDE - 1])
@pytest.mark.parametrize("method", [0, 8])
def test_a_bomb_among_the_members_stays_folded(guard: Guard, sound: dict[str, Sound], method: int, size: int) -> None:
    for name in (b"relay/bomb", STATE_MEMBER.encode()):
        others = [each for each in signed(sound["PPO"]).entries if each.name != name]
        lies = Entry(name, zeros()).lying(method=method, size=size)
        guard.refused(replace(signed(sound["PPO"]), entries=(*others, lies)).pack(), memory=MOST_MEMORY)
        guard.refused(replace(signed(sound["PPO"], lies), entries=(*others, lies)).pack(), memory=MOST_MEMORY)


def test_a_bomb_in_a_torch_file_stays_folded(guard: Guard, sound: dict[str, Sound]) -> None:
    inner = packed(unpacked(sound["PPO"].members[POLICY_MEMBER]))
    for place in range(len(inner.entries)):
        big = replace(inner.entries[place], content=zeros()).lying(method=8, size=UNFOLDED)
        content = replace(inner, entries=(*inner.entries[:place], big, *inner.entries[place + 1 :])).pack()
        guard.refused(signed(sound["PPO"].but(**{POLICY_MEMBER: content})).pack(), memory=MOST_MEMORY)

"""A pickle that would run code is refused where validation reads it, and stays shut where it does not."""

from __future__ import annotations

import base64
import json
import pickle
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.storage.layout import OPTIMIZER_MEMBER, POLICY_MEMBER, STATE_MEMBER, VARIABLES_MEMBER
from restore.reading.tensors import MAX_PICKLE_BYTES
from tests.restore.fuzz import pickles
from tests.restore.fuzz.guard import fuzz
from tests.restore.fuzz.pickles import (
    FOUR,
    ORDERED,
    SPRUNG,
    TRAP,
    Raw,
    opcodes,
    program,
    storage,
    tensor,
    text,
    torch_file,
)
from tests.restore.fuzz.signing import Sound, signed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.restore.fuzz.guard import Guard

TORCH_MEMBERS = (POLICY_MEMBER, OPTIMIZER_MEMBER, VARIABLES_MEMBER, "relay/more.pth")
CALLED = (
    ("os", "system"),
    ("posix", "system"),
    ("nt", "system"),
    ("subprocess", "Popen"),
    ("builtins", "eval"),
    ("__builtin__", "exec"),
    ("builtins", "getattr"),
    ("importlib", "import_module"),
    ("torch", "load"),
    ("torch.hub", "load"),
    ("torch.serialization", "_get_layout"),
    ("torch._utils", "_rebuild_wrapper_subclass"),
    ("torch.storage", "_load_from_bytes"),
    ("numpy", "load"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("cloudpickle.cloudpickle", "_make_function"),
    ("collections", "OrderedDict.fromkeys"),
    ("collections", "defaultdict"),
    ("torch", "FloatStorage.from_file"),
    ("", ""),
    TRAP,
)
MOST_PICKLE_MEMORY = 100_000_000
"""What `restore.reading.tensors` says of a pickle of the largest size."""
FRACTION = 16


@pytest.mark.parametrize("form", [*pickles.calls("", ""), *pickles.MADE])
def test_the_trap_springs_where_a_pickle_is_executed(form: str) -> None:
    pickle.loads(program(Raw((pickles.calls(*TRAP) | pickles.MADE)[form])))  # noqa: S301 - our own, to see it work
    assert SPRUNG
    SPRUNG.clear()


def test_programs_in_a_torch_file(guard: Guard, sound: dict[str, Sound], tmp_path: Path) -> None:
    marker = str(tmp_path / "marker")
    arguments = st.sampled_from([(), (f"touch {marker}",), (f"open({marker!r}, 'w')",), ("os",), (["touch", marker],)])

    @fuzz(200)
    @given(data=st.data())
    def refused(data: st.DataObject) -> None:
        forms = pickles.calls(*data.draw(st.sampled_from(CALLED)), data.draw(arguments)) | pickles.MADE
        places = pickles.around(Raw(data.draw(st.sampled_from(sorted(forms.values())))))
        content = places[data.draw(st.sampled_from(sorted(places)))]
        name = data.draw(st.sampled_from(TORCH_MEMBERS))
        wrapped = data.draw(st.sampled_from([content, torch_file(content, _0=FOUR)]))
        assert f"in '{name}'" in guard.refused(signed(sound["PPO"].but(**{name: wrapped})).pack())

    refused()
    guard.enough()
    assert list(tmp_path.iterdir()) == []


def test_pickles_that_are_not_for_validation_stay_shut(guard: Guard, sound: dict[str, Sound]) -> None:
    data = json.loads(sound["PPO"].members["data"])
    for form in (pickles.calls(*TRAP) | pickles.MADE).values():
        trap = program(Raw(form))
        guard.sound(signed(sound["PPO"].but(**{STATE_MEMBER: trap})).pack())
        for field in ("policy_class", "clip_range", "lr_schedule"):
            serialized = base64.b64encode(trap).decode()
            changed = data | {field: {":type:": "x", ":serialized:": serialized}}
            guard.sound(signed(sound["PPO"].but(data=json.dumps(changed).encode())).pack())
        guard.refused(signed(sound["PPO"].but(data=trap)).pack())


KEY = text("k" * 1024)
SHARED = b"q\x010"
ASIDE = Raw(opcodes(tensor().function) + SHARED + opcodes(tensor().arguments) + b"q\x020")
"""A function and its arguments, put aside."""
BOMBS: dict[str, Callable[[int], bytes]] = {
    "lists": lambda size: b"\x80\x02}q\x00" + b"]" * size,
    "dicts": lambda size: b"\x80\x02}q\x00" + b"}" * size,
    "tuples in tuples": lambda size: b"\x80\x02)" + b"\x85" * size,
    "ordered dicts": lambda size: b"\x80\x02" + opcodes(ORDERED.function) + SHARED + b"h\x01)R" * (size // 4),
    "tensors": lambda size: b"\x80\x02" + ASIDE.opcodes + b"h\x01h\x02R" * (size // 5),
    "tensors of one name after another": lambda size: (
        b"\x80\x02" + opcodes(tensor()) + SHARED + b"](" + b"h\x01" * (size // 2) + b"e."
    ),
    "names in front of tensors": lambda size: (
        b"\x80\x02"
        + opcodes(tensor())
        + SHARED
        + b"}"
        + (KEY + b"}") * 6
        + KEY
        + b"]("
        + b"h\x01" * (size // 2)
        + b"es"
        + b"s" * 6
        + b"."
    ),
    "references": lambda size: b"\x80\x02" + opcodes(storage().reference) + SHARED + b"h\x01Q" * (size // 3),
    "globals": lambda size: b"\x80\x02" + b"ctorch\nSize\n" * (size // 12),
    "sizes": lambda size: b"\x80\x02" + b"ctorch\nSize\nq\x010" + b"h\x01)\x85R" * (size // 5),
    "keys": lambda size: (
        b"\x80\x02}(" + b"".join(b"J%sN" % struct.pack("<i", each) for each in range(size // 6)) + b"u."
    ),
    "shared in shared": lambda size: b"\x80\x02}q\x00" + b"(h\x00h\x00tq\x00" * (size // 8),
    "marks": lambda size: b"\x80\x02" + b"(" * size,
    "a long name": lambda size: b"\x80\x02c" + b"x" * size,
    "a long string": lambda size: b"\x80\x02" + text("x" * (size - 100)) + b".",
    "what is announced and missing": lambda _: b"\x80\x02X\xff\xff\xff\xff",
    "memo": lambda size: b"\x80\x02}" + b"r\xff\xff\xff\xff" * (size // 5),
}


@pytest.mark.parametrize("filler", sorted(BOMBS))
def test_the_largest_pickle_fills_no_memory(guard: Guard, sound: dict[str, Sound], filler: str) -> None:
    """Measured at a fraction of the size: what grows with it, grows no faster."""
    content = torch_file(BOMBS[filler](MAX_PICKLE_BYTES // FRACTION - 8192), _0=FOUR)
    checkpoint = signed(sound["PPO"].but(**{"relay/more.pth": content})).pack()
    guard.refused(checkpoint, memory=MOST_PICKLE_MEMORY // FRACTION)


@pytest.mark.parametrize("filler", ["lists", "keys", "names in front of tensors"])
def test_the_largest_pickle_is_judged_soon(guard: Guard, sound: dict[str, Sound], filler: str) -> None:
    data = BOMBS[filler](MAX_PICKLE_BYTES - 8192)
    assert MAX_PICKLE_BYTES - 10_000 < len(data) <= MAX_PICKLE_BYTES
    guard.refused(signed(sound["PPO"].but(**{"relay/more.pth": torch_file(data, _0=FOUR)})).pack())

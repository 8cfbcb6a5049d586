"""Torch files are understood without torch, and what is no dict of tensors is refused without being run."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
import tracemalloc
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch as th
from hypothesis import given, settings
from hypothesis import strategies as st

from restore.reading.spans import UnsoundError
from restore.reading.tensor_specs import TensorSpec
from restore.reading.tensors import MAX_PICKLE_BYTES, MAX_TENSORS, read_tensor_specs
from restore.reading.zip_file import ArchiveLimits, StrictZip
from tests.examples import some

if TYPE_CHECKING:
    from collections.abc import Callable

Specs = dict[str, TensorSpec]
FLOATS = (th.float64, th.float32, th.float16, th.bfloat16, th.complex64, th.complex128)
INTEGERS = (th.int64, th.int32, th.int16, th.int8, th.uint8, th.bool)
MARKER = Path("code-was-executed")


def saved(value: object, **options: Any) -> bytes:
    stream = io.BytesIO()
    th.save(value, stream, **options)
    return stream.getvalue()


def unzipped(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def with_pickle(program: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", program)
        archive.writestr("archive/version", b"3\n")
    return stream.getvalue()


def specs_of(content: bytes) -> Specs:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("x", content)
    return read_tensor_specs(StrictZip(stream, ArchiveLimits(1, 1 << 30)).span("x"))


def flat(value: Any, path: tuple[str, ...] = ()) -> dict[str, th.Tensor]:
    if isinstance(value, th.Tensor):
        return {".".join(path): value}
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    return {name: tensor for key, each in items for name, tensor in flat(each, (*path, str(key))).items()}


def assert_same(specs: Specs, loaded: object) -> None:
    expected = flat(loaded)
    assert list(specs) == list(expected)
    for name, tensor in expected.items():
        spec = specs[name]
        assert (spec.shape, spec.stride, spec.offset) == (tensor.shape, tensor.stride(), tensor.storage_offset())
        assert f"torch.{spec.dtype}" == str(tensor.dtype)


@pytest.mark.parametrize("algorithm", ["PPO", "A2C", "PPO with gSDE", "DQN", "SAC"])
def test_all_that_sb3_writes_is_understood(saved_models: dict[str, dict[str, bytes]], algorithm: str) -> None:
    files = {name: each for name, each in saved_models[algorithm].items() if name.endswith(".pth")}
    assert len(files) >= 3
    for content in files.values():
        assert_same(specs_of(content), th.load(io.BytesIO(content), weights_only=True))


@pytest.mark.parametrize("optimizer", [th.optim.Adam, th.optim.AdamW, th.optim.SGD, th.optim.RMSprop, th.optim.Adagrad])
def test_other_optimizers_are_understood(optimizer: type[th.optim.Optimizer]) -> None:
    layer = th.nn.LSTM(3, 4)
    stepper = optimizer(layer.parameters(), lr=0.1)  # type: ignore[call-arg]
    layer(th.ones(2, 3))[0].sum().backward()
    stepper.step()
    assert_same(specs_of(saved(stepper.state_dict())), stepper.state_dict())
    assert_same(specs_of(saved(layer.state_dict())), layer.state_dict())


@settings(deadline=None, max_examples=60, database=None)
@given(
    shapes=st.lists(st.lists(st.integers(0, 4), max_size=4), min_size=1, max_size=4),
    dtype=st.sampled_from(FLOATS + INTEGERS),
    parameter=st.booleans(),
)
def test_tensors_are_described_as_torch_loads_them(shapes: list[list[int]], dtype: th.dtype, parameter: bool) -> None:
    tensors: dict[Any, Any] = {str(index): th.ones(shape, dtype=dtype) for index, shape in enumerate(shapes)}
    tensors[7] = [th.ones(4, 6, dtype=dtype).t()[1:3], (th.ones(9, dtype=dtype)[3:], th.Size([1]), th.device("cpu"))]
    if parameter and dtype in FLOATS:
        tensors["parameter"] = th.nn.Parameter(tensors["0"])
    assert_same(specs_of(saved(tensors)), tensors)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_not_finite_are_named(dtype: th.dtype, bad: float) -> None:
    base = th.full((1 << 19,), th.finfo(dtype).max, dtype=dtype)
    base[-5] = bad
    tensors = {"good": th.ones(3), "first": base[:100], "second": base[100:]}
    with pytest.raises(UnsoundError, match="tensor 'second' holds NaN or infinity: the training diverged"):
        specs_of(saved(tensors))


def test_the_old_format_is_refused() -> None:
    with pytest.raises(UnsoundError, match="does not end as a zip"):
        specs_of(saved({"a": th.ones(1)}, _use_new_zipfile_serialization=False))


def test_files_of_older_torch_are_understood(zipped: Callable[..., bytes]) -> None:
    files = unzipped(saved({"a": th.ones(2)}))
    old = {name: files[name] for name in files if name.endswith(("data.pkl", "data/0", "/version"))}
    assert len(old) == 3
    assert specs_of(zipped(old))["a"].shape == (2,)


class Evil:
    """Unpickling it leaves a file behind."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.reduced = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.reduced


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("nested", [False, True])
def test_code_is_refused_and_not_executed(protocol: int, nested: bool, tmp_path: Path) -> None:
    marker = tmp_path / MARKER
    for evil in (Evil(exec, f"open({str(marker)!r}, 'w')"), Evil(__import__("os").system, f"touch {marker}")):
        program = pickle.dumps({"weight": [evil]} if nested else evil, protocol)
        with pytest.raises(UnsoundError, match=r"holds a pickle|would load"):
            specs_of(with_pickle(program))
    assert not marker.exists()


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        (b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R.", "would load 'os.system'"),
        (b"\x80\x02c__builtin__\neval\nX\x01\x00\x00\x001\x85R.", "would load '__builtin__.eval'"),
        (b"\x80\x02ctorch\nload\n.", "would load 'torch.load'"),
        (b"(S'id'\nios\nsystem\n.", "opcode STRING"),
        (b"(cos\nsystem\no.", "would load"),
        (b"\x80\x02\x82\x01.", "opcode EXT1"),
        (b"\x80\x02ccollections\nOrderedDict\n)\x81.", "opcode NEWOBJ"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "protocol 4"),
        (b"\x80\x02}]b.", "would set attributes of a dict"),
        (b"\x80\x02ccollections\nOrderedDict\n)R}X\x05\x00\x00\x00itemsNsb.", "would set attributes"),
        (b"\x80\x02X\x01\x00\x00\x00x)R.", "would call a str"),
        (b"\x80\x02ccollections\nOrderedDict\n]\x85R.", "TypeError"),
        (b"\x80\x02ctorch\nFloatStorage\n)R.", "would call 'torch.FloatStorage'"),
        (b"\x80\x02K\x01Q.", "refers to something other"),
        (b"\x80\x02N.", "other than a dict"),
        (b"\x80\x02}", "pickle"),
        (b"\x80\x02}.trailing", "goes on after its end"),
        (b"\x80\x02ctorch\nSi\\x7ae\n.", "would load 'torch.Si\\\\x7ae'"),
        (b"\x80\x02S'\\_'\n.", "opcode STRING"),
        (b"\x80\x02X\xff\xff\xff\xff", "in the middle of a value"),
        (b"\x80\x02K", "damaged pickle"),
        (b"\x80\x02.", "no value where one is needed"),
        (b"\x80\x02\xff", "opcode unknown"),
        (b"\x80\x02}}.", "goes on after its end"),
        (b"\x80\x02(.", "a mark in the place"),
        (b"\x80\x02h\x05.", "KeyError"),
        (b"\x80\x02}K\x01K\x01s(K\x01K\x02u.", "the key 1 twice"),
        (b"\x80\x02}]K\x01s.", "a list as a key"),
        (b"\x80\x02}NK\x01s.", "as a key"),
        (b"\x80\x02}(K\x01u.", "sets 1 keys"),
        (b"\x80\x02}K\x01a.", "appends to a dict"),
        (b"\x80\x02\x8a\x09" + b"\x7f" * 9 + b".", "integer"),
        (b"\x80\x02}X\x00\x08\x00\x00" + b"x" * 2048 + b"K\x01s.", "string of 2,048 characters"),
        (b"\x80\x02}q\x00" + b"K\x01}" * 9 + b"s" * 9 + b".", "nests its tensors deeper"),
        (b"", "cut off"),
    ],
)
def test_what_no_dict_of_tensors_needs_is_refused(program: bytes, sentence: str) -> None:
    with pytest.raises(UnsoundError) as error:
        specs_of(with_pickle(program))
    assert sentence in str(error.value)


def test_a_dict_of_itself_ends() -> None:
    assert specs_of(with_pickle(b"\x80\x02}q\x00K\x01h\x00s.")) == {}


def test_shared_containers_do_not_multiply() -> None:
    # t = (); t = (t, t); … seven times in a list of thousands: unfolded it would be walked for ever.
    program = b"\x80\x02}K\x00](" + b"(" + b"}" * 1000 + b"tq\x00" + b"h\x00" * 1000 + b"es."
    assert specs_of(with_pickle(program)) == {}


@pytest.mark.parametrize("filler", [b"]", b"K\x07", b"X\x01\0\0\0a"])
def test_memory_is_bounded(filler: bytes, request: pytest.FixtureRequest) -> None:
    """Otherwise measured at a quarter of the size: what grows with it, grows no faster."""
    share = 1 if request.config.getoption("--long") else 4
    content = with_pickle((b"\x80\x02}q\x00" + filler * MAX_PICKLE_BYTES)[: MAX_PICKLE_BYTES // share])
    tracemalloc.start()
    with pytest.raises(UnsoundError):
        specs_of(content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 120_000_000 // share


def test_names_and_tensors_are_of_a_bounded_number() -> None:
    # One key of a pickle stands in front of every name below it: a megabyte of pickle made gigabytes of names.
    one = th.ones(1)
    for value, sentence in (
        ({"x" * 300: {"y" * 300: one}}, "more than 512 characters"),
        ({"x": [one] * (MAX_TENSORS + 1)}, f"more than {MAX_TENSORS:,} tensors"),
        ({"x.y": one, "x": {"y": one}}, "two tensors of the name 'x.y'"),
        ({1: one, "1": one}, "two tensors of the name '1'"),
    ):
        with pytest.raises(UnsoundError, match=sentence):
            specs_of(saved(value))
    assert len(specs_of(saved({"x": [one] * MAX_TENSORS}))) == MAX_TENSORS


def test_a_pickle_past_the_limit_is_refused() -> None:
    with pytest.raises(UnsoundError, match="more than the 1,048,576 allowed"):
        specs_of(with_pickle(bytes(MAX_PICKLE_BYTES + 1)))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"archive/data/0": b"1234"}, "storage 0 has 4 bytes instead of 8"),
        ({"archive/data/0": b"123456789"}, "storage 0 has 9 bytes instead of 8"),
        ({"archive/data/0": None}, "lacks the member 'archive/data/0'"),
        ({"archive/data/1": b""}, "'archive/data/1', which nothing in it refers to"),
        ({"archive/code/x.py": b""}, "which nothing in it refers to"),
        ({"archive/constants.pkl": b""}, "which nothing in it refers to"),
        ({"version": b"3"}, "which nothing in it refers to"),
        ({"archive/byteorder": b"big"}, "byteorder b'big'"),
        ({"archive/version": b"11"}, "version b'11'"),
        ({"archive/version": b""}, "version b''"),
        ({"archive/version": None}, "lacks the member 'archive/version'"),
        ({"archive/.storage_alignment": b"-1"}, "storage_alignment b'-1'"),
        ({"archive/data.pkl": None}, "lacks the member 'archive/data.pkl'"),
    ],
)
def test_storages_are_those_of_the_pickle(
    zipped: Callable[..., bytes], changes: dict[str, bytes | None], sentence: str
) -> None:
    files = {**unzipped(saved({"a": th.ones(2)})), **changes}
    with pytest.raises(UnsoundError) as error:
        specs_of(zipped({name: content for name, content in files.items() if content is not None}))
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("offset", "shape", "stride", "sentence"),
    [
        (0, (3,), (1,), "reaches past"),
        (1, (2,), (1,), "reaches past"),
        (3, (), (), "reaches past"),
        (0, (2,), (2,), "reaches past"),
        (0, (1 << 40,), (0,), "reaches past"),
        (0, (1 << 60,) * 64, (0,) * 64, "reaches past"),
        (0, (1 << 32, 1 << 32, 0), (0, 0, 0), "reaches past"),
        (0, (1,) * 65, (1,) * 65, "too many dimensions"),
        (0, (2,), (), "does not fit"),
        (0, (-1,), (1,), "not a whole number"),
        (0, (1.5,), (1,), "not a whole number"),
        (0, [2], (1,), "too many dimensions or none"),
        (-1, (1,), (1,), "without a storage"),
    ],
)
def test_a_tensor_fits_its_storage(
    zipped: Callable[..., bytes], offset: object, shape: object, stride: object, sentence: str
) -> None:
    class Storage:
        pass

    class Tensor:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
            return th._utils._rebuild_tensor_v2, (Storage(), offset, shape, stride, False, OrderedDict())  # noqa: SLF001

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj: object) -> object:
            return ("storage", th.FloatStorage, "0", "cpu", 2) if isinstance(obj, Storage) else None

    stream = io.BytesIO()
    Pickler(stream, 2).dump({"a": Tensor()})
    with pytest.raises(UnsoundError) as error:
        specs_of(zipped({"archive/data.pkl": stream.getvalue(), "archive/data/0": bytes(8)}))
    assert sentence in str(error.value)


SAMPLE = OrderedDict(a=th.ones(2, 3), b=th.nn.Parameter(th.ones(4)), c=th.ones(3, dtype=th.int64))


@settings(deadline=None, max_examples=some(300), database=None)
@given(data=st.data())
def test_whatever_passes_loads_the_same_in_torch(data: st.DataObject) -> None:
    files = unzipped(saved({"state": SAMPLE, "groups": [{"lr": 0.1, "betas": (0.9, 0.99), "fused": None}]}))
    program = bytearray(files["archive/data.pkl"])
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(program) - 1))
        piece = data.draw(st.binary(max_size=3))
        program[place : place + data.draw(st.integers(0, 3))] = piece
    files["archive/data.pkl"] = bytes(program)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    try:
        specs = specs_of(stream.getvalue())
    except UnsoundError:
        return
    stream.seek(0)
    assert_same(specs, th.load(stream, map_location="cpu", weights_only=True))


def test_torch_is_not_imported() -> None:
    program = "import sys, restore.integrity; sys.exit('torch' in sys.modules or 'stable_baselines3' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).resolve().parents[3])

"""What torch is told before the first operation on a GPU, and what it tells of operations that repeat in no form."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from typing import TYPE_CHECKING

import pytest
import torch

from contract.errors import SessionError
from job.model import Job, parse_job
from tests.trainer.conftest import job_values
from trainer.determinism import flags
from trainer.determinism.failures import in_a_sentence
from trainer.determinism.flags import (
    NO_DETERMINISM,
    VARIABLES,
    WORKSPACE,
    WORKSPACE_VARIABLE,
    Flags,
    computing,
    operation_without,
    told_of_operations,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

AS_TORCH_COMES = Flags.now()
SET = Flags(
    deterministic=True, warns=True, cudnn_deterministic=True, benchmark=False, matmul_tf32=False, cudnn_tf32=False
)
CUBLAS = (
    "Deterministic behavior was enabled with either `torch.use_deterministic_algorithms(True)` or `at::Context::set"
    "DeterministicAlgorithms(true)`, but this operation is not deterministic because it uses CuBLAS and you have CUDA"
)


def job(**changes: object) -> Job:
    """A job that takes a GPU where there is one."""
    return parse_job(job_values(**changes))


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever a test does, torch is left as it came."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    yield
    assert Flags.now() == AS_TORCH_COMES
    assert not set(VARIABLES) & set(os.environ)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[tuple[Flags, str | None]]]:
    """Has the first operation on a GPU find or not find one; notes how torch stands then."""

    def put_in(device: str) -> list[tuple[Flags, str | None]]:
        seen: list[tuple[Flags, str | None]] = []

        def usable_device(_wanted: str) -> str:
            seen.append((Flags.now(), os.environ.get(WORKSPACE_VARIABLE)))
            return device

        monkeypatch.setattr(flags, "usable_device", usable_device)
        return seen

    return put_in


def computed(wanted: Job) -> tuple[str, Flags, list[str]]:
    """The device of a job, how torch stands while it trains, and what is found meanwhile."""
    found: list[str] = []
    with computing(wanted, found.append) as device:
        return device, Flags.now(), found


def test_it_is_told_before_the_first_operation_and_until_the_session_ends(
    machine: Callable[[str], list[tuple[Flags, str | None]]],
) -> None:
    seen = machine("cuda")
    assert computed(job()) == ("cuda", SET, [])
    assert seen == [(SET, WORKSPACE)]


def test_an_error_says_so_only_where_the_job_wants_nothing_else(
    machine: Callable[[str], list[tuple[Flags, str | None]]],
) -> None:
    machine("cuda")
    _, during, _ = computed(job(deterministic=True))
    assert (during.deterministic, during.warns) == (True, False)


def test_without_determinism_torch_is_left_as_it_is_and_that_is_said(
    machine: Callable[[str], list[tuple[Flags, str | None]]],
) -> None:
    seen = machine("cuda")
    assert computed(job(deterministic=False)) == ("cuda", AS_TORCH_COMES, [NO_DETERMINISM])
    assert seen == [(AS_TORCH_COMES, None)]
    machine("cpu")
    assert computed(job(deterministic=False)) == ("cpu", AS_TORCH_COMES, [])


@pytest.mark.parametrize("deterministic", ["auto", True, False])
def test_on_the_cpu_nothing_changes(
    machine: Callable[[str], list[tuple[Flags, str | None]]], *, deterministic: str | bool
) -> None:
    machine("cpu")
    for device in ("auto", "cpu"):
        assert computed(job(device=device, deterministic=deterministic)) == ("cpu", AS_TORCH_COMES, [])


def test_it_does_not_load_the_compiler_which_takes_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "use_deterministic_algorithms", None)
    monkeypatch.setitem(sys.modules, "torch._inductor.config", None)
    SET.set()
    try:
        assert torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        AS_TORCH_COMES.set()


def test_a_gpu_that_is_wanted_and_not_there_leaves_torch_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SessionError, match="device cuda"), computing(job(device="cuda"), print):
        pass


def test_what_the_user_has_set_for_cublas_stays(
    machine: Callable[[str], list[tuple[Flags, str | None]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = machine("cuda")
    with monkeypatch.context() as patch:
        patch.setenv(WORKSPACE_VARIABLE, ":16:8")
        computed(job())
        assert os.environ[WORKSPACE_VARIABLE] == ":16:8"
    assert seen == [(SET, ":16:8")]


def draw_in_any_order() -> None:
    """An operation that has no deterministic form, on the CPU either."""
    torch.zeros(4).put_(torch.tensor([1, 1]), torch.tensor([1.0, 2.0]))


@contextlib.contextmanager
def deterministic(*, warns: bool) -> Iterator[None]:
    """Have torch ask for deterministic forms."""
    torch.set_deterministic_debug_mode("warn" if warns else "error")
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode("default")


def test_an_operation_without_a_deterministic_form_is_named_each_time_and_other_warnings_are_shown(
    recwarn: pytest.WarningsRecorder,
) -> None:
    found: list[str] = []
    with deterministic(warns=True), told_of_operations(found.append):
        draw_in_any_order()
        draw_in_any_order()
        warnings.warn("the road is wet", stacklevel=1)
    assert found == ["put_", "put_"]
    assert [str(each.message) for each in recwarn] == ["the road is wet"]


def test_the_session_is_told_of_it(machine: Callable[[str], list[tuple[Flags, str | None]]]) -> None:
    machine("cuda")
    found: list[str] = []
    with computing(job(), found.append):
        draw_in_any_order()
    assert found == ["put_ has no deterministic form on the GPU"]


def test_the_words_of_torch_name_what_they_are_about() -> None:
    assert operation_without(CUBLAS) == "cuBLAS"
    said = "upsample_bilinear2d_backward_out_cuda does not have a deterministic implementation, but you set"
    assert operation_without(said) == "upsample_bilinear2d_backward_out_cuda"
    assert operation_without("Found no NVIDIA driver on your system") is None


def test_where_nothing_else_is_wanted_it_ends_the_session_in_a_sentence() -> None:
    with pytest.raises(SessionError) as caught, deterministic(warns=False), in_a_sentence(job(deterministic=True)):
        draw_in_any_order()
    said = "job balance: put_ has no deterministic form on the GPU, and the job says deterministic: true; "
    assert str(caught.value) == f"{said}set `deterministic: auto`, by which its resume is approximate"
    with pytest.raises(RuntimeError, match="the road is closed"), in_a_sentence(job()):
        raise RuntimeError("the road is closed")


def test_a_full_gpu_is_a_sentence() -> None:
    said = "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 14.74 GiB of which"
    with pytest.raises(SessionError) as caught, in_a_sentence(job()):
        raise torch.OutOfMemoryError(said)
    remedy = "lower batch_size or the size of the network; the checkpoint before is as it was"
    assert str(caught.value) == f"device cuda: CUDA out of memory; {remedy}"

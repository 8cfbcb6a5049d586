"""What a push makes, and what stands in its way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from requests import HTTPError

from emulator.calls.push import NOT_FOUND, TITLE_TAKEN, slugify
from emulator.settings import HOUR, T4, BusyAnswer, RefusedPush, WhenFull
from emulator.store.values import KernelState
from tests.emulated import USER, EmulatedKaggle, emulated, from_a_wednesday

if TYPE_CHECKING:
    from pathlib import Path

WAITS = "import time; time.sleep(60)"
GPU: dict[str, Any] = {"enable_gpu": True, "machine_shape": T4}


def test_a_push_makes_a_kernel_and_each_next_one_a_version(emulator: EmulatedKaggle) -> None:
    with emulator.client() as api:
        first = api.kernels_push(str(emulator.kernel(slug="versioned")))
        second = api.kernels_push(str(emulator.kernel("print(2)", slug="versioned")))
        assert (first.versionNumber, second.versionNumber) == (1, 2)
        assert first.ref == "/code/alice/versioned"
        assert first.kernel_id == second.kernel_id
        assert [emulator.wait("versioned", number) for number in (1, 2)] == [KernelState.COMPLETE] * 2
        assert api.kernels_logs("alice/versioned").count("2\\n") == 1, "the latest version answers"
        assert api.kernels_logs("alice/versioned/1").count("hello\\n") == 1


def test_the_title_of_a_new_kernel_decides_its_slug(emulator: EmulatedKaggle) -> None:
    with emulator.client() as api:
        pushed = api.kernels_push(str(emulator.kernel(slug="what-was-asked", title="What, became: of it")))
        assert pushed.ref == "/code/alice/what-became-of-it"
        with pytest.raises(HTTPError) as conflict:
            api.kernels_push(str(emulator.kernel(slug="another-one", title="What became of it")))
    assert conflict.value.response.status_code == 409
    assert conflict.value.response.json()["error"]["message"] == TITLE_TAKEN


@pytest.mark.parametrize(
    ("title", "slug"),
    [("Hello World", "hello-world"), ("  RL -- job №1! ", "rl-job-no1"), ("Élan vital", "elan-vital"), ("___", "")],
)
def test_slugs_are_lower_case_words(title: str, slug: str) -> None:
    assert slugify(title) == slug


def test_nobody_pushes_for_somebody_else(emulator: EmulatedKaggle) -> None:
    with emulator.client() as api:
        number = api.kernels_push(str(emulator.kernel(slug="of-alices"))).kernel_id
    with emulator.client("bob") as other:
        assert other.kernels_push(str(emulator.kernel(slug="of-alices"))).error == NOT_FOUND
        by_number = emulator.kernel(slug="of-alices", id=None, id_no=number)
        assert other.kernels_push(str(by_number)).error == NOT_FOUND
    with emulator.client() as api:
        assert api.kernels_push(str(by_number)).versionNumber == 2


def test_a_title_has_five_characters(emulator: EmulatedKaggle) -> None:
    with emulator.client() as api, pytest.raises(HTTPError, match="400"):
        api.kernels_push(str(emulator.kernel(slug="ab--c", title="!!!!!")))


def test_a_saved_version_that_is_not_run_is_a_new_script(emulator: EmulatedKaggle) -> None:
    with emulator.client() as api:
        assert api.kernels_push(str(emulator.kernel(slug="quick-save")), no_run=True).versionNumber == 1
        assert api.kernels_status("alice/quick-save").status.name == "NEW_SCRIPT"


def test_unknown_sources_are_named_and_left_out(emulator: EmulatedKaggle) -> None:
    sources: dict[str, Any] = {
        "dataset_sources": ["alice/no-data"],
        "kernel_sources": ["alice/no-kernel"],
        "competition_sources": ["no-competition"],
        "model_sources": ["a/b/c/d/1"],
    }
    with emulator.client() as api:
        pushed = api.kernels_push(str(emulator.kernel(slug="without-sources", **sources)))
    assert pushed.invalidDatasetSources == ["alice/no-data"]
    assert pushed.invalidKernelSources == ["alice/no-kernel"]
    assert pushed.invalidCompetitionSources == ["no-competition"]
    assert pushed.invalidModelSources == ["a/b/c/d/1"]
    assert emulator.wait("without-sources") is KernelState.COMPLETE


def test_a_third_gpu_session_is_refused_and_makes_no_version(tmp_path: Path) -> None:
    with emulated(tmp_path, refused_push=RefusedPush.NOTHING) as kaggle, kaggle.client() as api:
        for slug in ("first-one", "second-one"):
            assert not api.kernels_push(str(kaggle.kernel(WAITS, slug, **GPU))).error
        refused = api.kernels_push(str(kaggle.kernel(WAITS, "third-one", **GPU)))
        assert refused.error == "Maximum batch GPU session count of 2 reached."
        assert not refused.versionNumber
        assert not refused.ref
        with pytest.raises(ValueError, match="denied"):
            api.kernels_status("alice/third-one")
        assert not api.kernels_push(str(kaggle.kernel(slug="no-gpu-at-all"))).error
        with kaggle.client("bob") as other:
            assert not other.kernels_push(str(kaggle.kernel(WAITS, "of-bobs", "bob", **GPU))).error
        api.kernels_delete("alice/first-one", no_confirm=True)
        assert not api.kernels_push(str(kaggle.kernel(WAITS, "third-one", **GPU))).error


def test_a_sixth_cpu_session_is_refused(tmp_path: Path) -> None:
    with emulated(tmp_path) as kaggle, kaggle.client() as api:
        for number in range(5):
            assert not api.kernels_push(str(kaggle.kernel(WAITS, f"number-{number}"))).error
        refused = api.kernels_push(str(kaggle.kernel(WAITS, "one-too-many")))
        assert refused.error == "Maximum batch CPU session count of 5 reached."


def test_pushes_beyond_the_slots_can_be_queued_instead(tmp_path: Path) -> None:
    with emulated(tmp_path, when_full=WhenFull.QUEUE, gpu_slots=1) as kaggle, kaggle.client() as api:
        api.kernels_push(str(kaggle.kernel(WAITS, "first-one", **GPU)))
        kaggle.wait_for("first-one", lambda state: state is KernelState.RUNNING)
        api.kernels_push(str(kaggle.kernel("print('at last')", "second-one", **GPU)))
        assert api.kernels_status("alice/second-one").status.name == "QUEUED"
        api.kernels_delete("alice/first-one", no_confirm=True)
        assert kaggle.wait("second-one") is KernelState.COMPLETE


def test_a_used_up_quota_refuses_gpus_only(tmp_path: Path) -> None:
    with emulated(tmp_path, gpu_quota_seconds=30 * HOUR, source=from_a_wednesday()) as kaggle, kaggle.client() as api:
        emulator = kaggle.running.emulator
        emulator.gpu_time.start(10**6, USER, emulator.clock.now() - 29 * HOUR)
        assert not api.kernels_push(str(kaggle.kernel(slug="fits-yet", **GPU))).error
        emulator.gpu_time.start(10**6 + 1, USER, emulator.clock.now() - HOUR)
        refused = api.kernels_push(str(kaggle.kernel(slug="needs-more", **GPU)))
        assert refused.error == "Maximum weekly GPU quota of 30.00 hours reached."
        assert not api.kernels_push(str(kaggle.kernel(slug="needs-no-gpu"))).error


def test_the_refused_first_push_of_a_kernel_leaves_a_shell(tmp_path: Path) -> None:
    with emulated(tmp_path, cpu_slots=0) as kaggle, kaggle.client() as api:
        folder = str(kaggle.kernel(slug="left-empty"))
        assert "session count of 0" in api.kernels_push(folder).error
        assert api.kernels_push(folder).error == NOT_FOUND
        assert api.kernels_push(folder, no_run=True).error == NOT_FOUND
        with pytest.raises(HTTPError, match="404"):
            api.kernels_status("alice/left-empty")
        with pytest.raises(HTTPError, match="500"):
            api.kernels_pull("alice/left-empty", str(kaggle.folder()))
        api.kernels_delete("alice/left-empty", no_confirm=True)
        assert api.kernels_push(folder, no_run=True).versionNumber == 1, "it is not refused for want of a session"
        assert "session count of 0" in api.kernels_push(folder).error
        assert api.kernels_status("alice/left-empty").status.name == "NEW_SCRIPT"


def test_a_refusal_may_be_an_error_of_http(tmp_path: Path) -> None:
    full = emulated(tmp_path, cpu_slots=0, busy_answer=BusyAnswer.STATUS)
    with full as kaggle, kaggle.client() as api, pytest.raises(HTTPError, match="412"):
        api.kernels_push(str(kaggle.kernel(slug="refused-one")))


def test_a_time_limit_is_below_kaggles_own(emulator: EmulatedKaggle) -> None:
    with emulator.client() as api:
        with pytest.raises(HTTPError, match="400"):
            api.kernels_push(str(emulator.kernel(slug="too-long-a-time")), timeout=str(12 * 3600))
        assert api.kernels_push(str(emulator.kernel(slug="long-enough")), timeout=str(12 * 3600 - 1)).versionNumber == 1


def test_an_image_stays_that_of_the_first_version_where_that_is_asked_for(tmp_path: Path) -> None:
    def image(kaggle: EmulatedKaggle) -> str:
        kernels = kaggle.running.emulator.kernels
        kernel = kernels.find(USER, "keeps-its-image")
        assert kernel is not None
        return kernels.list_versions(kernel.id)[0].options.image

    with emulated(tmp_path, image="python:old") as kaggle, kaggle.client() as api:
        for pinned in ("original", "latest"):
            api.kernels_push(str(kaggle.kernel(slug="keeps-its-image", docker_image_pinning_type=pinned)))
            assert image(kaggle) == "python:old"
        kaggle.running.emulator.settings = replace(kaggle.running.emulator.settings, image="python:new")
        for fields, ran in (
            ({"docker_image_pinning_type": "original"}, "python:old"),
            ({"docker_image_pinning_type": "latest"}, "python:new"),
            ({"docker_image": "python:own"}, "python:own"),
        ):
            api.kernels_push(str(kaggle.kernel(slug="keeps-its-image", **fields)))
            assert image(kaggle) == ran


def test_a_gpu_without_a_name_is_a_t4(emulator: EmulatedKaggle) -> None:
    with emulator.client() as api:
        api.kernels_push(str(emulator.kernel(slug="asks-for-any-gpu", enable_gpu=True)))
    kernels = emulator.running.emulator.kernels
    kernel = kernels.find(USER, "asks-for-any-gpu")
    assert kernel is not None
    assert kernels.list_versions(kernel.id)[0].machine_shape == T4
    emulator.wait("asks-for-any-gpu")

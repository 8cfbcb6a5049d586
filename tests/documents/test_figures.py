"""Each figure of the documents is the code's, or names what measures it, or is listed here with where it comes from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec
import pytest

import develop
from contract.documents import metrics as measured
from contract.storage import coming_back
from emulator import settings as emulator
from executors import watches
from executors.docker import container, limits
from executors.slurm import standing
from executors.slurm.settings import margin
from job.model import DEFAULT_PATIENCE, DEFAULT_SESSION_LIMIT
from runner import notifying
from runner.acting.order import VideoOrder
from runner.backends.kaggle.api.settings import STORE_BYTES, KaggleSettings
from runner.backends.kaggle.calibration import steps
from runner.backends.kaggle.files import payload
from runner.backends.kaggle.gpu import accelerator, spending
from runner.backends.kaggle.kernels import metadata
from runner.jobs.file import MAX_FILE_BYTES
from runner.pictures import encoding
from runner.report import aggregate
from runner.report.reading import LARGEST_EMBEDDED_PICTURE
from runner.sources.walk import LONGEST_NAME_BYTES
from tests.documents.pages import DOCUMENTS
from tests.project import ROOT
from trainer.checkpoint.replay_buffer import SMALLEST_SEGMENT_BYTES
from trainer.environments.self_check import EFFORT, PATIENCE
from trainer.environments.state import recorded_actions
from trainer.metrics.lines import SHARES
from trainer.stopping import activity, deadline

if TYPE_CHECKING:
    from pathlib import Path

A_FIGURE = re.compile(
    r"(?<![\w.,/-])\d(?:[\d,.]*\d)?(?: |\u00a0)?"
    r"(?:CPU s|s|ms|µs|min|minutes?|seconds?|hours?|h|days?|%|[KMGT]i?B|steps/s|times|cores?|files?|bytes|lines)"
    r"(?![\w/])"
)
MEASURES = re.compile(
    r"`(?:python )?((?:bench|tests)/[\w/.]+\.py)\b|`(make gpu-test)`"
    r"|\((?:benchmarks\.md#[\w-]+|[\w-]+\.md#what-it-costs)\)"
)
"""A script, or a link to the section that names it: the test of the site follows links."""
MIB, GIB, GB, MB = 1 << 20, 1 << 30, 10**9, 10**6
MINUTE, HOUR = 60, 3600


def whole(amount: float, unit: float) -> str:
    """An amount in a unit, of which it must be a multiple."""
    assert amount % unit == 0
    return f"{amount / unit:g}"


def hours(seconds: float) -> str:
    """A duration as jobs.yaml has it."""
    minutes = int(seconds % HOUR // MINUTE)
    return f"{int(seconds // HOUR)}h" + (f"{minutes}m" if minutes else "")


KAGGLE = KaggleSettings()
ORDER = {each.name: each.default for each in msgspec.structs.fields(VideoOrder)}
OF_CONTAINERS = f"{whole(limits.KAGGLE_MEMORY, GIB)} GiB"
WORKING = f"{whole(limits.KAGGLE_WORKING, GB)} GB"
FROM_THE_KERNEL = f"from {whole(metadata.LARGE_PARENT_BYTES, MIB)} MiB on"
EXAMPLE = 4 * HOUR
LONGEST = metadata.LONGEST_SESSION_SECONDS - metadata.SESSION_MARGIN_SECONDS
BEFORE_THE_QUOTA = f"{whole(metadata.SESSION_MARGIN_SECONDS, MINUTE)} minutes"

COMPUTED: Final[dict[str, list[str]]] = {
    "docs/architecture.md": [f"as long as they have {whole(coming_back.MOST_EXTRA_BYTES, GIB)} GiB together"],
    "docs/containers.md": [
        f"| {OF_CONTAINERS} | `docker.memory`, else {OF_CONTAINERS}; all of the engine's",
        f"but {whole(limits.LEFT_TO_MACHINE, GIB)} GiB (or a quarter)",
        f"`docker.shm`, else {whole(limits.KAGGLE_SHM, GIB)} GiB |",
        f"| {WORKING} | {WORKING}; all that is free on the engine's disk but {whole(limits.FREE_DISK, GIB)} GiB",
        f"quota is needed for the {WORKING}:",
        f"They wait {whole(container.STOP_PATIENCE_SECONDS, MINUTE)} minutes for it before they kill",
        "kept by the engine, up to 1 GiB",
    ],
    "docs/curve.md": [
        f"The first {whole(SHARES['log'], MIB)} MiB of the logger's rows",
        f"for episodes from {whole(SHARES['episodes'], MIB)} MiB on",
        f"No session writes more than {whole(measured.MOST_BYTES, MIB)} MiB",
        f"none longer than {whole(measured.LONGEST_LINE, MIB)} MiB",
    ],
    "docs/emulator.md": [f"`--timeout` of {whole(emulator.LONGEST_SESSION_SECONDS, HOUR)} hours or more is refused"],
    "docs/environments.md": [
        f"everything is {EFFORT['actions']} times as long",
        f"takes over {PATIENCE:g} second is cut short",
        f"{recorded_actions.MAX_ACTIONS:,} actions or {whole(recorded_actions.MAX_BYTES, MIB)} MiB of them",
    ],
    "docs/export.md": [
        f"less than {ORDER['enough_seconds']:g} seconds, {ORDER['most_episodes']} at most",
        f"at {encoding.GIF_FRAMES_A_SECOND:g} frames a second and {encoding.GIF_WIDTH} pixels wide",
    ],
    "docs/gpu.md": [
        f"| `session_limit` and {BEFORE_THE_QUOTA} |",
        f"it ends {BEFORE_THE_QUOTA} before the quota does",
        f"{whole(spending.SETUP_SECONDS, MINUTE)} minutes to begin, two rollouts",
        f"({whole(spending.TWO_ROLLOUTS_SECONDS, MINUTE)} minutes where nothing was measured)",
        f"{whole(spending.SAVE_AND_UPLOAD_SECONDS, MINUTE)} minutes for a checkpoint that is kept",
        f"and the {BEFORE_THE_QUOTA}",
        f"The limit of {accelerator.LARGEST_FOR_A_CPU:,}",
    ],
    "docs/jobs.md": [
        f"as on Kaggle ({OF_CONTAINERS}) if left out",
        f"{whole(limits.KAGGLE_SHM, GIB)} GiB if left out",
        f"{FROM_THE_KERNEL} from the kernel",
        f"more than {LONGEST_NAME_BYTES} bytes",
        f"UTF-8, {whole(MAX_FILE_BYTES, MIB)} MiB at most",
    ],
    "docs/kaggle.md": [
        f"from {whole(STORE_BYTES, MIB)} MiB on, gets a private dataset of its own",
        f"up to {whole(payload.PACK_BYTES, GIB)} GiB of them in a pack",
        f"{FROM_THE_KERNEL}, a session mounts the output",
        f"`session_limit` ({DEFAULT_SESSION_LIMIT}) ends it before",
        f"above {hours(LONGEST)} it is refused",
        f"more than {payload.MOST_FILES} files are refused",
        f"whether more than {payload.MOST_FILES} files are refused",
        f"| {payload.MOST_FILES} files in a dataset |",
        f"after {whole(KAGGLE.queue_patience, MINUTE)} minutes what helps",
        f"one at a limit of {steps.LIMIT_SECONDS} s",
    ],
    "docs/report.md": [
        f"in the page up to {LARGEST_EMBEDDED_PICTURE / MB:g} MB",
        f"{aggregate.CONFIDENCE * 100:g} % confidence interval",
        f"{aggregate.RESAMPLES:,} times drawn again",
    ],
    "docs/ray.md": [f"Ray is asked every {watches.LONGEST_PAUSE_SECONDS:g} seconds at most"],
    "docs/resume.md": [
        f"segments of about {whole(SMALLEST_SEGMENT_BYTES, MIB)} MiB",
        f"a margin of {deadline.MARGIN_SHARE * 100:g} % ({deadline.MARGIN_SECONDS:g} s at least)",
        f"the job's `patience` ({DEFAULT_PATIENCE.removesuffix('m')} minutes)",
        f"within the last {activity.ALIVE_SECONDS:g} seconds, may take {activity.GRACE_SECONDS:g} seconds beyond",
        f"it is ended {activity.END_SECONDS:g} seconds later still",
    ],
    "docs/slurm.md": [
        f"| {hours(EXAMPLE - 2 * margin(EXAMPLE))} | the session limit",
        f"| {hours(EXAMPLE - margin(EXAMPLE))} | Slurm's SIGTERM (`--signal=B:TERM@{margin(EXAMPLE):g}`)",
        f"| {hours(EXAMPLE)} | Slurm ends the job",
        f"every {watches.LONGEST_PAUSE_SECONDS:g} seconds at most",
        f"waited for {standing.RECORD_SECONDS:g} seconds after Slurm says",
    ],
    "docs/troubleshooting.md": [
        f"more than {coming_back.MOST_EXTRA_FILES:,} files or {whole(coming_back.MOST_EXTRA_BYTES, GIB)} GiB beside",
    ],
    "docs/unattended.md": [f"{notifying.PATIENCE_SECONDS:g} seconds in all"],
    "CONTRIBUTING.md": ["at most 300 lines"],
}
"""Parts of sentences whose figures are the code's; tests/test_architecture.py has the last one."""

ELSEWHERE: Final[dict[str, str]] = {
    "docs/commands.md: `doit gc`": "tests/test_documents.py weighs what a session leaves, with --long",
    "docs/emulator.md": "tests/emulator/test_main.py compares defaults; the rest was seen by Kaggle's users",
    "docs/validation.md: Limits": "tests/restore/test_integrity.py and test_replay.py compare each row",
    "docs/traffic-light.md": "tests/trainer/envs/test_traffic_light_page.py; its figures: bench/traffic_light.py",
}
"""Pages or sections whose figures another test compares."""

BY_HAND: Final[dict[str, str]] = {
    "docs/benchmarks.md: Benchmarks": "the machine that measured",
    "docs/containers.md: 9 to 12 hours": "Kaggle's, as its documents and users say",
    "docs/docker.md: Figures": "builds of the image, by the clock once: they need an engine, a network and minutes",
    "docs/docker.md: some 20 GB": "the size of Kaggle's own image, as its registry says",
    "docs/docker.md: 11,500 files": "counted once in the image's packages, before and after the lock",
    "docs/environments.md: Installing environments": "what pip downloaded, when each extra was added",
    "docs/gpu.md: What was measured": "make gpu-test prints the table; two estimates in its text say that they are",
    "docs/install.md: 2 GB of disk (a CUDA build of torch: 8 GB)": "du of .venv after a set-up, once with each build",
    "docs/install.md: 120 MB to download": "pip download of requirements-services.lock, once: 121 MB",
    "docs/kaggle.md: the 200 GB of private storage": "Kaggle's limit, as its documents say",
    "docs/kaggle.md: after 12 h": "Kaggle's limit, as its documents say",
    "docs/kaggle.md: 30 h of GPU a week": "Kaggle's limit, as its documents say",
    "docs/kaggle.md: 20 GB of output": "Kaggle's limit, as its documents say",
    "docs/kaggle.md: a dataset of 60 files": "what `doit calibrate` sends: more than the limit",
    "docs/ray.md: PENDING for 15 minutes": "Ray's own default, as its documents say",
    "docs/ray.md: 0.7 s of CPU and 80 MB": "the client was imported by itself, once, and the process was looked at",
    "docs/report.md: about 1 MB, and 3 MB with a video": "the pages of bench/report.py and of the shipped job, rounded",
    "docs/slurm.md: (5 minutes)": "Slurm's own default of MinJobAge",
    "docs/unattended.md: 60 days": "GitHub's rule for workflows by the clock",
}
"""Figures that no test and no bench computes: a section, or a part of a sentence, and where each comes from."""


def sections(text: str) -> list[tuple[str, str]]:
    """The headings of a page with what stands below each, without what is shown as it is typed or printed."""
    bare = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    parts = re.split(r"^#+ (.*)$", bare, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def figures(section: str, accounted: list[str]) -> list[str]:
    """The figures of a section that stand neither in a part of a sentence that is accounted for nor in backticks."""
    text = " ".join(section.split())
    for part in accounted:
        text = text.replace(part, "")
    return A_FIGURE.findall(re.sub(r"`[^`]*`", "", text))


def key(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("document", DOCUMENTS, ids=key)
def test_each_figure_is_computed_or_names_what_measures_it_or_says_where_it_comes_from(document: Path) -> None:
    page = key(document)
    known = {**ELSEWHERE, **BY_HAND}
    accounted = [*COMPUTED.get(page, []), *(each.removeprefix(f"{page}: ") for each in known)]
    left = {
        heading: found
        for heading, section in sections(document.read_text(encoding="utf-8"))
        if (found := figures(section, accounted))
        and not MEASURES.search(section)
        and not {page, f"{page}: {heading}"} & known.keys()
    }
    assert left == {}


@pytest.mark.parametrize(
    ("page", "sentence"), [(page, sentence) for page, sentences in COMPUTED.items() for sentence in sentences]
)
def test_what_the_code_says_is_what_the_documents_say(page: str, sentence: str) -> None:
    assert sentence in " ".join((ROOT / page).read_text(encoding="utf-8").split())


@pytest.mark.parametrize("place", [*ELSEWHERE, *BY_HAND])
def test_what_is_listed_is_still_there(place: str) -> None:
    page, _, part = place.partition(": ")
    text = (ROOT / page).read_text(encoding="utf-8")
    assert part in " ".join(text.split()) or part in [heading for heading, _ in sections(text)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=key)
def test_what_measures_a_figure_is_there(document: Path) -> None:
    named = MEASURES.findall(document.read_text(encoding="utf-8"))
    assert [script for script, _ in named if script and not (ROOT / script).is_file()] == []


def test_a_figure_that_nobody_computes_is_found() -> None:
    assert figures("It takes 3.5 s and 12 MB, `5 s` said.", []) == ["3.5 s", "12 MB"]
    assert figures("It takes\n3.5 s, always.", ["takes 3.5 s"]) == []
    assert figures("Python 3.11, 2 forms, step-2 s", []) == []


def test_the_lock_has_as_many_libraries_as_the_documents_show() -> None:
    pins = re.findall(r"^[\w.-]+==\S+.*", develop.LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    on_linux = sum("win32" not in pin for pin in pins)
    shown = f"{on_linux} libraries have the versions of requirements.lock"
    assert shown in (ROOT / "docs" / "verify.md").read_text(encoding="utf-8")
    assert shown in (ROOT / "docs" / "terminal.svg").read_text(encoding="utf-8").replace("&#160;", " ")

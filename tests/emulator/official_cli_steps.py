"""The commands of the official client as its own documentation shows them, and what each must say.

`kernels.md`, `kernels_metadata.md` and `datasets.md` are in the folder docs/ of github.com/Kaggle/kaggle-cli; `help`
is what `kaggle ... --help` of the installed client lists beyond them. Where an example names a kernel or dataset of
somebody else, that user pushes or creates it first. `$KAGGLE_DEVELOPER` is the reader of the documentation.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

READER = "alice"
USERS = (READER, "kerneler", "dansbecker", "willianoliveiragibin", "goefft")
COMPETITION = "house-prices-advanced-regression-techniques"
HOUSES = "dansbecker/home-data-for-ml-course"
BIRDS = "kerneler/brazilian-bird-observation-metadata-from-wikiaves"
TYPES = "goefft/public-datasets-with-file-types-and-columns"
PIXAR = "willianoliveiragibin/pixar-films"
SQLITE = "kerneler/sqlite-global-default"

_SCRIPT = """
import pathlib
for number in range(3):
    pathlib.Path(f"figure-{number}.png").write_bytes(b"PNG")
pathlib.Path("results.csv").write_text("a,b\\n1,2\\n")
print("done with it all")
"""


@dataclass(frozen=True)
class Step:
    """One command.

    Args:
        source: where the documentation shows it, or what it prepares for a command there.
        command: as it stands there; `<TOKEN>` is the page token that was printed last.
        words: what the output must hold, all of it.
        code: the exit code.
        user: who types it.
        before: prepares the files that the documentation says must be there.
        files: paths that must be there afterwards.
        until_it_says: the command is typed again until it does.
    """

    source: str
    command: str
    words: tuple[str, ...] = ()
    code: int = 0
    user: str = READER
    before: Callable[[Path], None] | None = None
    files: tuple[str, ...] = ()
    until_it_says: str | None = None


def _kernel(folder: str, ref: str, title: str, **fields: object) -> Callable[[Path], None]:
    """Fill in the metadata that `kernels init` has written, or write it, and put the script beside it."""

    def write(home: Path) -> None:
        target = home / folder
        target.mkdir(parents=True, exist_ok=True)
        metadata_file = target / "kernel-metadata.json"
        template = json.loads(metadata_file.read_text(encoding="utf-8")) if metadata_file.exists() else {}
        filled = {"id": ref, "title": title, "code_file": "script.py", "language": "python", "kernel_type": "script"}
        settings = {"is_private": "false", "enable_internet": "false", **fields}
        metadata_file.write_text(json.dumps({**template, **filled, **settings}), encoding="utf-8")
        (target / "script.py").write_text(_SCRIPT, encoding="utf-8")

    return write


def _dataset(folder: str, ref: str, title: str, files: dict[str, str]) -> Callable[[Path], None]:
    def write(home: Path) -> None:
        target = home / folder
        target.mkdir(parents=True, exist_ok=True)
        metadata = {"id": ref, "title": title, "licenses": [{"name": "CC0-1.0"}]}
        (target / "dataset-metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
        for name, content in files.items():
            (target / name).write_text(content, encoding="utf-8")

    return write


def _fill_in_template(home: Path) -> None:
    """What the documentation does with sed."""
    metadata = home / "tests" / "dataset" / "dataset-metadata.json"
    text = metadata.read_text(encoding="utf-8")
    text = text.replace("INSERT_TITLE_HERE", "My Dataset Title").replace("INSERT_SLUG_HERE", "my-dataset-slug")
    metadata.write_text(text, encoding="utf-8")
    metadata.with_name("data.csv").write_text("a,b\n1,2\n", encoding="utf-8")


def _folders(home: Path) -> None:
    for name in ("tests/kernel", "tests/dataset", "pulled"):
        (home / name).mkdir(parents=True, exist_ok=True)


_EXERCISE = _kernel(
    *("tests/kernel", f"{READER}/exercise-as-with", "Exercise as with"),
    competition_sources=[COMPETITION],
    dataset_sources=[HOUSES],
    kernel_sources=[f"{READER}/exercise-lists"],
)
_CREATED = ("Your public Dataset is being created. Please check progress at", "/datasets/")
_COMPLETE = 'has status "KernelWorkerStatus.COMPLETE"'

PREPARATIONS = (
    Step(
        *("datasets.md", "datasets create -p houses --public"),
        words=("Upload successful: home.csv", *_CREATED),
        user="dansbecker",
        before=_dataset("houses", HOUSES, "Home data for ML course", {"home.csv": "a,b\n1,2\n"}),
    ),
    Step(
        *("datasets.md", "datasets create -p birds --public -q", _CREATED, 0, "kerneler"),
        before=_dataset(
            *("birds", BIRDS, "Brazilian bird observation metadata from WikiAves"),
            {f"birds-{number}.csv": f"a,b\n{number},2\n" for number in range(8)},
        ),
    ),
    Step(
        *("datasets.md", "datasets create -p pixar --public -q", _CREATED, 0, "willianoliveiragibin"),
        before=_dataset("pixar", PIXAR, "Pixar films", {"pixar_films.csv": "film\nUp\n"}),
    ),
    Step(
        *("datasets.md", "datasets create -p types --public -q", _CREATED, 0, "goefft"),
        before=_dataset(
            *("types", TYPES, "Public datasets with file types and columns"),
            {"dataset_results.csv": "a,b\n1,2\n", "student.csv": "a\n1\n" * 3500},
        ),
    ),
    Step(
        *("kernels.md", "kernels push -p sqlite", ("Kernel version 1 successfully pushed.",), 0, "kerneler"),
        before=_kernel("sqlite", SQLITE, "SQLite global default"),
    ),
    Step(
        *("kernels.md", "kernels push -p lists", ("Kernel version 1 successfully pushed.", "/exercise-lists")),
        before=_kernel("lists", f"{READER}/exercise-lists", "Exercise lists"),
    ),
)

KERNELS = (
    Step(
        *("kernels.md", "kernels init -p tests/kernel", ("Kernel metadata template written to: tests/kernel",)),
        before=_folders,
        files=("tests/kernel/kernel-metadata.json",),
    ),
    Step(
        *("kernels.md", "kernels push -p tests/kernel"),
        words=("Kernel version 1 successfully pushed.  Please check progress at", "/exercise-as-with"),
        before=_EXERCISE,
    ),
    Step("kernels.md", f"kernels status {SQLITE}", (f"{SQLITE} {_COMPLETE}",), until_it_says="COMPLETE"),
    Step("kernels.md", f"kernels files {SQLITE} -v --page-size=1", ("Next Page Token = ", "name,size,creationDate")),
    Step(
        "kernels.md",
        f"kernels output {SQLITE} -o",
        ("results.csv", "sqlite-global-default.log"),
        files=("results.csv",),
    ),
    Step("kernels.md", rf'kernels output {SQLITE} -p pngs --file-pattern ".*\.png$"', files=("pngs/figure-2.png",)),
    Step(
        "kernels.md", f"kernels output {SQLITE} -p some --page-size 2", files=("some/figure-0.png", "some/results.csv")
    ),
    Step("kernels.md", f"kernels output {SQLITE} -p paged --page-token <TOKEN>", files=("paged/figure-1.png",)),
    Step("help", f"kernels logs {SQLITE}", ('"data":"done with it all', '"stream_name":"stdout"')),
    Step("help", f"kernels logs -f {SQLITE}", ("done with it all",)),
    Step("kernels.md", "kernels status $KAGGLE_DEVELOPER/exercise-as-with", (_COMPLETE,), until_it_says="COMPLETE"),
    Step("kernels.md", "kernels push -p tests/kernel", ("Kernel version 2 successfully pushed.",)),
    Step(
        *("kernels.md", "kernels push -p tests/kernel --no-run"),
        words=("Kernel version 3 successfully saved without running.  See",),
    ),
    Step(
        *("kernels.md", 'kernels push -p tests/kernel --accelerator "NvidiaTeslaT4" -t 3600'),
        words=("Kernel version 4 successfully pushed.",),
    ),
    Step(
        *("kernels.md", "kernels pull -p tests/kernel $KAGGLE_DEVELOPER/exercise-as-with -m"),
        words=("Source code and metadata downloaded to tests/kernel",),
        files=("tests/kernel/kernel-metadata.json", "tests/kernel/script.py"),
    ),
    Step(
        *("kernels.md", "kernels pull --wp $KAGGLE_DEVELOPER/exercise-as-with"),
        words=("Source code downloaded to ./exercise-as-with.py",),
        files=("exercise-as-with.py",),
    ),
    Step("kernels.md", "kernels pull --wp $KAGGLE_DEVELOPER/exercise-as-with/2", ("Source code downloaded to",)),
    Step(
        *("kernels_metadata.md", "kernels pull -p pulled -k $KAGGLE_DEVELOPER/exercise-as-with -m"),
        words=("Source code and metadata downloaded to pulled",),
        files=("pulled/kernel-metadata.json",),
    ),
    Step("kernels.md", "kernels list -m -s Exercise --page-size 5 -p 2 -v --sort-by dateRun", ("Not found",)),
    Step(
        *("kernels.md", "kernels list -m -s Exercise --page-size 5 -v --sort-by dateRun"),
        words=("ref,title,author,lastRunTime,totalVotes", "alice/exercise-as-with,Exercise as with,alice", "-lists"),
    ),
    Step("kernels.md", "kernels list --parent $KAGGLE_DEVELOPER/exercise-lists", ("alice/exercise-as-with",)),
    Step("kernels.md", f"kernels list --competition {COMPETITION} --page-size 5", ("alice/exercise-as-with",)),
    Step("kernels.md", f"kernels list --dataset {HOUSES} --page-size 5", ("alice/exercise-as-with",)),
    Step(
        "kernels.md",
        "kernels list --user $KAGGLE_DEVELOPER --language python --kernel-type notebook --output-type data",
        ("Not found",),
    ),
    Step(
        "kernels.md", "kernels delete $KAGGLE_DEVELOPER/exercise-lists --yes", ("exercise-lists deleted successfully",)
    ),
    Step("kernels.md", "kernels status $KAGGLE_DEVELOPER/exercise-lists", ("Cannot access kernel",), code=1),
    # Discussions are no part of the emulator, and it says so.
    Step("kernels.md", f"kernels topics list {SQLITE} --sort-by recent", ("404",), code=1),
    Step("kernels.md", f"kernels topics show {SQLITE}/12345", ("404",), code=1),
    Step("help", "quota", ("resource", "GPU", "30.00h", "TPU")),
)

DATASETS = (
    Step(
        *("datasets.md", "datasets init -p tests/dataset"),
        words=("Data package template written to: tests/dataset",),
        files=("tests/dataset/dataset-metadata.json",),
    ),
    Step(
        *("datasets.md", "datasets create -p tests/dataset --public -q -t -r skip"),
        words=("Your public Dataset is being created. Please check progress at", "/datasets/alice/my-dataset-slug"),
        before=_fill_in_template,
    ),
    Step("datasets.md", "datasets status $KAGGLE_DEVELOPER/my-dataset-slug", ("ready",), until_it_says="ready"),
    Step(
        *("datasets.md", 'datasets version -m "Updated data" -p tests/dataset -q -t -r skip -d'),
        words=("Dataset version is being created. Please check progress at",),
    ),
    Step("datasets.md", f"datasets status {TYPES}", ("ready",)),
    Step("datasets.md", "datasets list -m", ("alice/my-dataset-slug", "My Dataset Title")),
    Step(
        "datasets.md",
        "datasets list --file-type csv --page 2 --sort-by updated -s student --min-size 13000 --max-size 15000",
        ("No datasets found",),
    ),
    Step(
        *("datasets.md", "datasets list --sort-by updated -s types --min-size 13000 --max-size 15000"),
        words=(TYPES,),
    ),
    Step("datasets.md", "datasets list --license odb --tags internet --search telco", ("No datasets found",)),
    Step("datasets.md", f"datasets files {BIRDS} --page-size=7", ("Next Page Token = ", "birds-0.csv", "birds-6.csv")),
    Step("datasets.md", f"datasets download -d {PIXAR}", ("License(s): CC0-1.0",), files=("pixar-films.zip",)),
    Step("datasets.md", f"datasets download {TYPES} -p tmp --unzip -o -q", files=("tmp/dataset_results.csv",)),
    Step("datasets.md", f"datasets download {TYPES} -f dataset_results.csv -w -q -o", files=("dataset_results.csv",)),
    Step(
        *("datasets.md", f"datasets metadata {TYPES} -p tests/dataset"),
        words=("Downloaded metadata to tests/dataset",),
        files=("tests/dataset/dataset-metadata.json",),
    ),
    Step(
        *("datasets.md", "datasets delete $KAGGLE_DEVELOPER/my-dataset-slug --yes"),
        words=("my-dataset-slug", "deleted successfully"),
    ),
    Step("datasets.md", "datasets status $KAGGLE_DEVELOPER/my-dataset-slug", ("403 Client Error",), code=1),
)

STEPS = (*PREPARATIONS, *KERNELS, *DATASETS)

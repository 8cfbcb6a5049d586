"""Weights & Biases: it numbers the rows of a run, and tells how many it has where it is asked; they are in an outbox.

Without a connection (`WANDB_MODE=offline`) nothing can be asked, and `wandb sync` takes a folder for the whole run:
each command writes one anew, with every row.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contract.errors import RelayError
from runner.extras import have
from runner.tracking.libraries import preset, unreachable, without_secrets
from runner.tracking.outbox import Outbox, held
from runner.tracking.values import Sent, UnknownRowsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runner.curve.measurements import Measurement
    from runner.tracking.values import Held, Place, Run

AXIS = "timesteps"
_LONGEST_TAG = 64
_REMEDY = "see that you are logged in (`wandb login`) and that WANDB_BASE_URL answers, or set WANDB_MODE=offline"


class WeightsAndBiases:
    """Weights & Biases, as its own variables name it.

    Args:
        place: where its folders and the outbox lie.
    """

    name = "wandb"

    def __init__(self, place: Place) -> None:
        have("doit track to=wandb", ["wandb"], "wandb")
        preset(WANDB_ERROR_REPORTING="false", WANDB_SILENT="true", WANDB_INIT_TIMEOUT="30")
        self._place = place

    def called(self, key: str) -> str:
        """The key: any name will do."""
        return key

    def held(self, run: Run) -> Held:
        """What was put into the outbox, from where it is delivered in any case."""
        return held(self._outbox(run).rows())

    def send(self, run: Run, points: Sequence[Measurement]) -> Sent:
        """Put `points` into the outbox, and let the tracker have what it lacks of it."""
        outbox = self._outbox(run)
        known, is_offline, before = len(outbox.rows()), _is_offline(), self._offline_folders(run)
        if is_offline and before and not points and run.delivered == known:
            return Sent(_how_to_sync(before[-1]), known)
        with _answers():
            opened = self._opened(run, resumes=not is_offline)
            has = 0 if opened.offline else int(opened.starting_step)
            if has > known:
                opened.finish()
                problem = f"its run {run.id} has {has:,} rows, of which {known:,} were sent from here"
                raise UnknownRowsError("Weights & Biases", problem)
            outbox.append(points)  # not before: those of a run that is another one do not belong into it
            rows = outbox.rows()
            opened.define_metric(AXIS)
            opened.define_metric("*", step_metric=AXIS)
            opened.config.update(dict(run.parameters), allow_val_change=True)
            opened.config.update(dict(run.tags), allow_val_change=True)
            for row in rows[has:]:
                opened.log({AXIS: row.timesteps, "_timestamp": row.at, **row.values})
            where, folder = "" if is_offline else without_secrets(str(opened.url)), Path(opened.dir).parent
            opened.finish()
        if not is_offline:
            return Sent(where, len(rows))
        for each in before:  # of the same run, and less of it
            shutil.rmtree(each, ignore_errors=True)
        return Sent(_how_to_sync(folder), len(rows))

    def _opened(self, run: Run, *, resumes: bool) -> Any:
        import wandb  # noqa: PLC0415 - takes a second, and may not be here

        settings = wandb.Settings(
            console="off",
            silent=True,
            disable_git=True,  # this machine is not where the sessions ran: what is told of them is in the tags
            save_code=False,
            x_disable_meta=True,
            x_disable_stats=True,
            x_save_requirements=False,
        )
        return wandb.init(
            project=wandb.setup().settings.project or run.project,
            id=run.id,
            name=run.name,
            tags=[value[:_LONGEST_TAG] for value in run.tags.values() if not value.isdecimal()],
            resume="allow" if resumes else None,
            dir=str(self._place.folder),
            settings=settings,
        )

    def _outbox(self, run: Run) -> Outbox:
        return Outbox(self._place.outbox(self.name, run.part))

    def _offline_folders(self, run: Run) -> list[Path]:
        """Those of the run; a command that was killed has left its own."""
        return [each.parent for each in (self._place.folder / "wandb").glob(f"offline-run-*/run-{run.id}.wandb")]


def _how_to_sync(folder: Path) -> str:
    return f'offline; `wandb sync "{folder}"` uploads the whole run'


def _is_offline() -> bool:
    import wandb  # noqa: PLC0415 - as above

    return bool(wandb.setup().settings.mode == "offline")


@contextlib.contextmanager
def _answers() -> Iterator[None]:
    """Have what Weights & Biases raises be one sentence."""
    try:
        yield
    except RelayError:
        raise
    except Exception as error:  # its service is a process of its own, whose errors have no base in common
        raise unreachable("Weights & Biases", error, _REMEDY) from error

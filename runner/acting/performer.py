"""What runs in the process in which an agent acts: `python performer.py ORDER`.

It begins as a script, so that kaggle-relay's packages are found before a project's own of the same names.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

HOME = Path(__file__).resolve().parents[2]
PACKAGES = ("contract", "job", "trainer", "restore", "executors", "runner")


def find_packages() -> None:
    """Import each package of ours from beside this one; what is in it is found by way of it from then on."""
    sys.path[:] = [str(HOME), *(path for path in sys.path if Path(path) != Path(__file__).resolve().parent)]
    for name in PACKAGES:
        importlib.import_module(name)
    sys.path.remove(str(HOME))


def main(order_file: Path) -> int:
    """Do what an order says, print what came of it as an event, and return the exit code."""
    import msgspec  # noqa: PLC0415 - nothing is imported before our packages are found

    from contract import events  # noqa: PLC0415 - likewise
    from contract.errors import InputError, RelayError  # noqa: PLC0415 - likewise
    from runner.acting.order import MADE, REFUSED, Order, VideoOrder  # noqa: PLC0415 - likewise

    order = msgspec.json.decode(order_file.read_bytes(), type=Order)
    try:
        if isinstance(order.task, VideoOrder):
            from runner.pictures.recording import record  # noqa: PLC0415 - torch takes seconds

            made: msgspec.Struct = record(order, order.task)
        else:
            from runner.export.policy import export  # noqa: PLC0415 - likewise

            made = export(order, order.task)
    except RelayError as error:
        said = {"subject": error.subject, "problem": error.problem, "remedy": error.remedy}
        events.emit(REFUSED, **said, is_input=isinstance(error, InputError))
        return error.exit_code
    events.emit(MADE, **msgspec.to_builtins(made))
    return 0


if __name__ == "__main__":
    find_packages()
    sys.exit(main(Path(sys.argv[1])))

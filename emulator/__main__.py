"""`python -m emulator`: Kaggle on this machine."""

from __future__ import annotations

import argparse
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from contract.errors import RelayError
from emulator.core import EXECUTORS, Emulator
from emulator.faults.plan import FaultPlan
from emulator.faults.rules import read_rules
from emulator.server import bind, client_environment, make_server
from emulator.settings import (
    GIGABYTE,
    P100,
    STRICT,
    T4,
    BeyondQuota,
    BusyAnswer,
    EarlyVersion,
    EmulatorSettings,
    ErrorStyle,
    GpuGrant,
    LiveLog,
    LogForm,
    ManyFiles,
    MountedExtras,
    MountedVersion,
    MountLayout,
    RefusedPush,
    SavedPush,
    Stopped,
    WhenFull,
)

if TYPE_CHECKING:
    import enum
    from collections.abc import Sequence

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until it is interrupted; return the exit code."""
    options = chosen_options(arguments)
    try:
        listener, settings = bind(chosen_settings(options), allow_remote=options.allow_remote)
        with listener:
            plan = FaultPlan()
            plan.add(rule for file in options.faults for rule in read_rules(file))
            # Said once it answers and listens for signals: whoever reads it may send one at once.
            server = make_server(Emulator(settings), plan, on_start=lambda: _announce(settings))
            server.run(sockets=[listener])
    except RelayError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _announce(settings: EmulatorSettings) -> None:
    """Say how to reach it, in lines that a shell can evaluate and a test can read."""
    user = next(iter(settings.users))
    lines = [f"export {name}={value}" for name, value in client_environment(settings, user).items()]
    lines.append(f"listening on {settings.public_url or f'http://{settings.host}:{settings.port}'}")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def chosen_settings(options: argparse.Namespace) -> EmulatorSettings:
    """The settings that the command line gives."""
    users = dict(options.user or [("alice", secrets.token_hex(16))])
    return EmulatorSettings(
        data=options.data.absolute(),
        users=users,
        executor=options.executor,
        host=options.host,
        port=options.port,
        public_url=options.public_url,
        time_scale=options.time_scale,
        gpu_slots=options.slots,
        cpu_slots=options.cpu_slots,
        when_full=options.when_full,
        gpu_quota_seconds=options.gpu_quota,
        session_limit_seconds=options.session_limit,
        output_limit_bytes=round(options.output_limit * GIGABYTE),
        dataset_delay_seconds=options.dataset_delay,
        visibility_delay_seconds=options.visible_after,
        mount_layout=options.mount_layout,
        default_gpu=options.default_gpu,
        host_gpu=options.host_gpu,
        error_style=options.error_style,
        image=options.image,
        **{name: getattr(options, name) for name in STRICT if name != "default_gpu"},
    )


def chosen_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line says; with `--strict` what is left out is the worst of each rule, not the likeliest."""
    line = parser()
    if line.parse_args(arguments).strict:
        line.set_defaults(**STRICT)
    return line.parse_args(arguments)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    line = argparse.ArgumentParser(
        prog="python -m emulator",
        description="Kaggle's HTTP API on this machine, for the official client.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = line.add_argument
    add("--data", type=Path, default=Path("emulator-data"), help="folder of everything that is kept after it ends")
    add(
        "--user",
        type=_user,
        action="append",
        metavar="NAME:KEY",
        help="who may call, repeated for more; alice with a new key if left out",
    )
    add("--executor", choices=EXECUTORS, default="local", help="where kernels run")
    add("--host", default="127.0.0.1", help="the address to listen on")
    add("--port", type=int, default=0, help="port to listen on; 0 for any free one")
    add("--allow-remote", action="store_true", help="listen on an address that others can reach")
    add("--public-url", help="URL by which clients reach it, where that is not its address")
    add("--time-scale", type=_positive, default=1.0, help="emulated seconds in a second")
    add("--session-limit", type=_duration, default="12h", help="how long a session may run: seconds, or 90s, 30m, 9h")
    add("--gpu-quota", type=_duration, default="30h", help="how long a user's GPU sessions may run in a week")
    add("--slots", type=int, default=2, help="how many GPU sessions a user may have at a time")
    add("--cpu-slots", type=int, default=5, help="how many sessions without a GPU a user may have at a time")
    add(
        "--when-full",
        type=WhenFull,
        choices=list(WhenFull),
        default=WhenFull.REJECT,
        help="what happens to a push beyond these",
    )
    add("--output-limit", type=_positive, default=20.0, help="most that a session may leave, in GB")
    add("--dataset-delay", type=_duration, default="2s", help="time until a new dataset is ready")
    add(
        "--visible-after", type=_duration, default="0s", help="time until a new kernel or dataset is known to all calls"
    )
    add(
        "--mount-layout",
        type=MountLayout,
        choices=list(MountLayout),
        default=MountLayout.OWNER,
        help="where sources are mounted",
    )
    add("--default-gpu", choices=[P100, T4], default=T4, help="machine of a kernel that asks for a GPU and names none")
    add("--host-gpu", action="store_true", help="hand this machine's GPU on to kernels that ask for one")
    add(
        "--faults",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="file of the faults that happen from the start on",
    )
    add(
        "--error-style",
        type=ErrorStyle,
        choices=list(ErrorStyle),
        default=ErrorStyle.NESTED,
        help="form of the bodies of errors",
    )
    add("--image", default=EmulatorSettings.image, help="image of a session that names none")
    _add_doubtful_rules(line)
    return line


def _add_doubtful_rules(line: argparse.ArgumentParser) -> None:
    """The rules of which it is not known for sure how they are."""
    group = line.add_argument_group("rules that are not known for sure")
    group.add_argument("--strict", action="store_true", help="the worst of each of these, unless it is given itself")

    def choose(option: str, kind: type[enum.StrEnum], help_text: str) -> None:
        name = option.removeprefix("--").replace("-", "_")
        default = getattr(EmulatorSettings, name)
        group.add_argument(option, type=kind, choices=list(kind), default=default, help=help_text)

    choose("--refused-push", RefusedPush, "what the refused first push of a kernel leaves")
    choose("--many-files", ManyFiles, "what happens to a dataset of more than 50 files")
    choose("--stopped", Stopped, "what happens to the output of a session at its time limit, or cancelled")
    choose("--beyond-quota", BeyondQuota, "what happens to a session that runs when the GPU quota is used up")
    choose("--mounted-version", MountedVersion, "which version's output a kernel source mounts")
    choose("--mounted-extras", MountedExtras, "whether Kaggle's own files lie beside a mounted output")
    choose("--gpu-grant", GpuGrant, "what a session gets that asks for a GPU")
    choose("--early-version", EarlyVersion, "what happens to a dataset's version while the first is processed")
    choose("--log-form", LogForm, "how a log is cut into records")
    choose("--live-log", LiveLog, "whether the log of a running session grows")
    choose("--busy-answer", BusyAnswer, "how a push is refused for want of a slot or of quota")
    choose("--saved-push", SavedPush, "what happens to a push that runs nothing")
    late = group.add_argument
    late("--listing-delay", dest="listing_delay_seconds", type=_duration, default="2s", help="end until it is listed")
    late("--queue-stall", dest="queue_stall_seconds", type=_duration, default="0s", help="queued without an image")


def _user(text: str) -> tuple[str, str]:
    name, _, key = text.partition(":")
    if not name or not key:
        raise argparse.ArgumentTypeError("give a name and a key, as in alice:secret")
    return name.lower(), key


def _duration(text: str) -> float:
    """Seconds from `90`, `90s`, `30m` or `9h`."""
    scale = _UNITS.get(text[-1:].lower())
    return _positive(text[:-1] if scale is not None else text, allow_zero=True) * (scale or 1.0)


def _positive(text: str, *, allow_zero: bool = False) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a number") from None
    if not value >= 0 or (value == 0 and not allow_zero) or value == float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return value


if __name__ == "__main__":
    sys.exit(main())

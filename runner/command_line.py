"""What is done outside of a project's tasks: `kaggle-relay`, or `python -m runner`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from contract.errors import RelayError
from contract.plain_text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit code."""
    options, rest = _parser().parse_known_args(arguments)
    if rest and options.command == "init":
        _parser().error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        if options.command == "init":
            from runner.new_project.writing import write_project  # noqa: PLC0415 - only what is asked for

            write_project(options.folder)
            return 0
        from runner.image_build import build_image, run_engine_script  # noqa: PLC0415 - likewise

        return build_image(rest) if options.command == "image" else run_engine_script(rest)
    except RelayError as error:
        sys.stderr.write(f"{plain(str(error))}\n")
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    line = argparse.ArgumentParser(prog="kaggle-relay", description="What is done outside of a project's tasks.")
    commands = line.add_subparsers(dest="command", required=True)
    init = commands.add_parser("init", help="write a small project of your own into a folder")
    init.add_argument("folder", type=Path, metavar="FOLDER")
    commands.add_parser("image", add_help=False, help="build the image for sessions in containers; --help tells more")
    commands.add_parser("engine", add_help=False, help="set up a Docker engine on a bare Debian, as root")
    return line

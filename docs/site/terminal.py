"""Makes the picture of a terminal for the README: `python -m docs.site.terminal FOLDER PICTURE COMMAND...`.

Each command is one argument, such as "doit status", and is run in the folder of a project as in a terminal. On Linux
and macOS only, since it takes a pseudo-terminal.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 128
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""What rich has the page fetch from elsewhere."""


def shown_by(command: str, folder: Path) -> str:
    """What a command prints in a terminal, with its colours."""
    if sys.platform == "win32":
        raise NotImplementedError("Windows has no pseudo-terminal")
    import pty  # noqa: PLC0415 - as said above

    ours, theirs = pty.openpty()
    variables = {**os.environ, "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    program, *arguments = shlex.split(command)
    own = str(Path(sys.executable).with_name(program))
    with subprocess.Popen([own, *arguments], cwd=folder, stdout=theirs, stderr=theirs, env=variables):  # noqa: S603
        os.close(theirs)
        printed = b""
        try:
            while part := os.read(ours, 1 << 16):
                printed += part
        except OSError:  # how Linux says that nobody has the other side any more
            pass
        finally:
            os.close(ours)
    return printed.decode("utf-8").replace("\r\n", "\n")


def main(arguments: list[str]) -> None:
    """Make the picture."""
    folder, picture, *commands = arguments
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere)
        for command in commands:
            console.print(Text(f"$ {command}", style="bold"))
            console.print(Text.from_ansi(shown_by(command, Path(folder))))
        drawn = console.export_svg(title="kaggle-relay", unique_id="terminal")
    Path(picture).write_text(_FONTS.sub("", drawn), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(sys.argv[1:])

"""What pyproject.toml cannot say: a wheel has the files of the image inside of a package.

`docker/` is no package, since it would hide the docker SDK.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

FILES = Path("docker")
TARGET = Path("runner", "image_files")
PATTERNS = ("Dockerfile", "image.py", "build_inputs.py", "install.py", "entry.py", "engine.sh", "requirements-*.lock")


class BuildWithImage(build_py):  # type: ignore[misc] # setuptools is untyped
    """Builds the packages from nothing, and adds the image's files."""

    def run(self) -> None:
        """Build; an editable install finds those files in the clone."""
        if not self.editable_mode:
            shutil.rmtree(self.build_lib, ignore_errors=True)  # a module that is no more would go into the wheel
        super().run()
        if not self.editable_mode:
            for source, target in self._of_image().items():
                Path(target).parent.mkdir(parents=True, exist_ok=True)
                self.copy_file(source, target)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """What it writes."""
        return [*super().get_outputs(include_bytecode), *([] if self.editable_mode else self._of_image().values())]

    def get_source_files(self) -> list[str]:
        """What a source distribution needs."""
        return [*super().get_source_files(), *self._of_image()]

    def _of_image(self) -> dict[str, str]:
        found = [path for pattern in PATTERNS for path in sorted(FILES.glob(pattern))]
        return {path.as_posix(): str(Path(self.build_lib, TARGET, path.name)) for path in found}


setup(cmdclass={"build_py": BuildWithImage})

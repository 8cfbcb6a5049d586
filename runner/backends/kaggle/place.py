"""What a session on Kaggle can be given: the Pythons of its images, and what they have.

The versions are those of `docker/kaggle-packages.txt` and `docker/kaggle-packages-3.13.txt`, where it says how each is
known; a test holds both against each other, since a project that has copied the packages has no `docker/`. Which of
the two a new kernel gets is not known before it runs.
"""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, Any

from runner.backends.kaggle.kernels.metadata import LACKING
from runner.jobs.distributions import normalised
from runner.packages.places import Place, linux

if TYPE_CHECKING:
    from collections.abc import Mapping

GLIBC = 35
"""Of Ubuntu 22.04."""
HAS: dict[str, dict[str, str]] = {
    "3.12": {
        "ale-py": "0.11.2",
        "annotated-types": "0.7.0",
        "cloudpickle": "3.1.2",
        "cuda-bindings": "12.9.4",
        "cuda-pathfinder": "1.5.3",
        "farama-notifications": "0.0.4",
        "filelock": "3.29.0",
        "fsspec": "2025.3.0",
        "gymnasium": "1.3.0",
        "jinja2": "3.1.6",
        "markupsafe": "3.0.3",
        "matplotlib": "3.10.0",
        "mpmath": "1.3.0",
        "networkx": "3.6.1",
        "numpy": "2.0.2",
        "nvidia-cublas-cu12": "12.8.4.1",
        "nvidia-cuda-cupti-cu12": "12.8.90",
        "nvidia-cuda-nvrtc-cu12": "12.8.93",
        "nvidia-cuda-runtime-cu12": "12.8.90",
        "nvidia-cudnn-cu12": "9.10.2.21",
        "nvidia-cufft-cu12": "11.3.3.83",
        "nvidia-cufile-cu12": "1.13.1.3",
        "nvidia-curand-cu12": "10.3.9.90",
        "nvidia-cusolver-cu12": "11.7.3.90",
        "nvidia-cusparse-cu12": "12.5.8.93",
        "nvidia-cusparselt-cu12": "0.7.1",
        "nvidia-nccl-cu12": "2.27.5",
        "nvidia-nvjitlink-cu12": "12.8.93",
        "nvidia-nvshmem-cu12": "3.4.5",
        "nvidia-nvtx-cu12": "12.8.90",
        "pandas": "2.2.2",
        "pip": "24.1.2",
        "protobuf": "5.29.5",
        "psutil": "5.9.5",
        "pydantic": "2.12.3",
        "pydantic-core": "2.41.4",
        "pygame": "2.6.1",
        "pyyaml": "6.0.3",
        "rich": "13.9.4",
        "scipy": "1.16.3",
        "sympy": "1.14.0",
        "tensorboard": "2.20.0",
        "torch": "2.10.0+cu128",
        "torchvision": "0.25.0+cu128",
        "tqdm": "4.67.3",
        "triton": "3.6.0",
        "typing-extensions": "4.15.0",
        "typing-inspection": "0.4.2",
    },
    "3.13": {
        "ale-py": "0.12.1",
        "annotated-types": "0.8.0",
        "cloudpickle": "3.1.2",
        "cuda-bindings": "12.9.7",
        "cuda-pathfinder": "1.6.0",
        "farama-notifications": "0.0.6",
        "filelock": "3.32.3",
        "fsspec": "2025.3.0",
        "gymnasium": "1.3.0",
        "jinja2": "3.1.6",
        "markupsafe": "3.0.3",
        "matplotlib": "3.10.0",
        "mpmath": "1.3.0",
        "networkx": "3.6.1",
        "numpy": "2.1.3",
        "nvidia-cublas-cu12": "12.8.4.1",
        "nvidia-cuda-cupti-cu12": "12.8.90",
        "nvidia-cuda-nvrtc-cu12": "12.8.93",
        "nvidia-cuda-runtime-cu12": "12.8.90",
        "nvidia-cudnn-cu12": "9.19.0.56",
        "nvidia-cufft-cu12": "11.3.3.83",
        "nvidia-cufile-cu12": "1.13.1.3",
        "nvidia-curand-cu12": "10.3.9.90",
        "nvidia-cusolver-cu12": "11.7.3.90",
        "nvidia-cusparse-cu12": "12.5.8.93",
        "nvidia-cusparselt-cu12": "0.7.1",
        "nvidia-nccl-cu12": "2.28.9",
        "nvidia-nvjitlink-cu12": "12.8.93",
        "nvidia-nvshmem-cu12": "3.4.5",
        "nvidia-nvtx-cu12": "12.8.90",
        "pandas": "2.2.3",
        "pip": "24.1.2",
        "protobuf": "5.29.5",
        "psutil": "5.9.5",
        "pydantic": "2.13.4",
        "pydantic-core": "2.46.4",
        "pygame": "2.6.1",
        "pyyaml": "6.0.3",
        "rich": "13.9.4",
        "scipy": "1.16.3",
        "sympy": "1.14.0",
        "tensorboard": "2.20.0",
        "torch": "2.11.0+cu128",
        "torchvision": "0.26.0+cu128",
        "tqdm": "4.67.3",
        "triton": "3.6.0",
        "typing-extensions": "4.16.0",
        "typing-inspection": "0.4.4",
    },
}


def places(_job: Mapping[str, Any]) -> tuple[Place, ...]:
    """Where a session may find itself: it is given wheels for each."""
    brought = {normalised(name): metadata.version(name) for name in LACKING}
    return tuple(
        Place(f"kaggle-{python}", f"Python {python} on Kaggle", {**has, **brought}, python, linux(GLIBC))
        for python, has in HAS.items()
    )

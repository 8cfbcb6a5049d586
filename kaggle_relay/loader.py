"""What pyproject.toml of a project elsewhere names, for doit to begin with."""

from runner.doit.loader import RelayLoader

__all__ = ["RelayLoader"]

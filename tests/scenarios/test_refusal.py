"""A job that does not fit its checkpoint is refused before anything is spent."""

from __future__ import annotations

import pytest

from tests.project import Kept, Project, cart_pole


@pytest.fixture(scope="module")
def kept(shared_project: Project, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """A project whose job has one session."""
    shared_project.write_jobs(cart=cart_pole())
    shared_project.doit("run_quick")
    return Kept(shared_project, tmp_path_factory.mktemp("kept") / "project")


@pytest.fixture
def trained(kept: Kept) -> Project:
    """The same project for each test, as it was then."""
    return kept.again()


COMPARED = pytest.mark.long("a key that is compared as the network is, which tests/restore/test_compatibility.py shows")


@pytest.mark.parametrize(
    ("change", "field", "theirs", "ours"),
    [
        (
            {"hyperparameters": {"n_steps": 32, "batch_size": 32, "n_epochs": 2, "policy_kwargs": {"net_arch": [16]}}},
            "hyperparameters.policy_kwargs.net_arch",
            "[8]",
            "[16]",
        ),
        pytest.param(
            {"algorithm": "A2C", "hyperparameters": {"n_steps": 32, "policy_kwargs": {"net_arch": [8]}}},
            "algorithm",
            "PPO",
            "A2C",
            marks=COMPARED,
        ),
        ({"env": {"id": "Acrobot-v1", "n_envs": 2}}, "observation_space", "Box([-4.8", "Box([ -1."),
        pytest.param(
            {"env": {"id": "CartPole-v1", "n_envs": 2, "wrapper": "VecNormalize"}},
            "env.wrapper",
            "None",
            "VecNormalize",
            marks=COMPARED,
        ),
    ],
)
def test_an_incompatible_change_is_refused_with_both_values_and_the_next_command(
    trained: Project, change: dict[str, object], field: str, theirs: str, ours: str
) -> None:
    trained.write_jobs(cart=cart_pole(**change))
    output = trained.doit("run_full", expect=1)
    assert f"{field} is {theirs}" in output
    assert f" and {ours}" in output
    assert "in the job; run `doit fresh:cart` to archive the lineage and start anew" in output
    assert trained.starts("cart") == 1
    assert all(not session.package_json.exists() for session in trained.sessions("cart")[1:])


def test_fresh_archives_the_lineage_and_starts_anew(trained: Project) -> None:
    assert "1 session(s) archived in" in trained.doit("fresh", "cart")
    archived = trained.runs.archived("cart")
    assert [path.name for path in archived] == ["cart-001"]
    assert (archived[0] / "0001" / "restored.json").exists()
    assert "session 0001 reached 64 of 64 timesteps: goal met" in trained.doit("run_quick")

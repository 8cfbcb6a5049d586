"""When a cluster is asked after a job."""

from __future__ import annotations

from executors.watches import pause


def test_a_cluster_is_asked_ever_more_slowly() -> None:
    pauses = [pause(asked) for asked in range(1, 30)]
    assert pauses == sorted(pauses)
    assert pauses[0] < 1
    assert pauses[-1] == 30

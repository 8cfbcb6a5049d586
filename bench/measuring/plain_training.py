"""A job's training as a script that uses Stable-Baselines3 alone would do it: no relay, nothing saved.

The environments, their wrappers and the hyperparameters are the job's. Prints one line of JSON:
the seconds that `learn()` took and the timesteps reached.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import torch
from stable_baselines3.common.callbacks import EvalCallback

from job.model import parse_job, session_part
from trainer.algorithms.model import make_model
from trainer.environments.making import make_evaluation_envs, make_training_envs


def main() -> None:
    """Train the job in the given file to its goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", type=Path, help="the job as JSON, as a session is given it")
    parser.add_argument("--threads", type=int, help="torch's threads; torch's own choice if not given")
    options = parser.parse_args()
    job = parse_job(session_part(json.loads(options.job.read_text(encoding="utf-8"))))
    if options.threads:
        torch.set_num_threads(options.threads)
    callback = None
    if job.eval.frequency:
        callback = EvalCallback(
            make_evaluation_envs(job),
            eval_freq=job.eval.frequency // job.env.n_envs,
            n_eval_episodes=job.eval.episodes,
            verbose=0,
        )
    model = make_model(job, make_training_envs(job))
    began = time.perf_counter()
    model.learn(job.total_timesteps, callback=callback)
    learned = {"learn_seconds": time.perf_counter() - began, "timesteps": model.num_timesteps}
    sys.stdout.write(f"{json.dumps(learned)}\n")


if __name__ == "__main__":
    main()

"""The user's side: plans, packages, executes, downloads and restores sessions.

`planning/`: what the next session is, by what is wanted and by `lineage`, what is on disk; `workspace` reads both.
`scheduling/`: of many jobs, which goes on now, and one watch over all their sessions. `stages/`: package, execute,
download, validate, restore. `backends/`: where sessions run. `jobs/`: jobs.yaml. `doit/`: what doit is told. `layout`,
`lock`, `sources`, `wheels`: names, holders and what is sent along. `adopting/`: checkpoints from elsewhere. `record`:
what a script tells of its package. `packages/`: the wheels that a job's packages become. `data`: folders that stand for
Kaggle's data. `studies/`: searches for hyperparameters, whose trials are jobs. `report/`: pages and figures of what the
sessions came to. `preflight/`: what can be known before a session is spent. `notifying`: who is told how one ended.
`curve/`: what all sessions measured; `tracking/`: that in an experiment tracker. `acting/`: the best agent at work in a
process of its own; `pictures/`: a video of it; `export/`: what is handed on of it. `verifying/`: whether all that a run
stands on is as it should be; `repairing/`: what is broken of it, mended. `steering/`: answers for programs, history,
logs, pictures. `retention/`: what of a lineage stays on the disk. `commands/`, `display`: what users ask and see;
`extras`: what to install for it. `command_line` (`__main__`): what they ask outside of a project's tasks, of which
`new_project/` writes one and `image_build` builds the image.
"""

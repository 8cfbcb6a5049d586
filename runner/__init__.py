"""The user's side: plans, packages, executes, downloads and restores sessions.

`decide`: what the next session is, a pure function of `lineage` (what is on disk) and of what is `wanted`; `workspace`
reads both.
`stages/`: package, execute, download, validate, restore. `backends/`: where sessions run. `jobs/`: jobs.yaml.
`doit/`: what doit is told. `layout`, `lock`, `sources`, `wheels`: names, holders and what is sent along.
`adopting/`: checkpoints from elsewhere. `record`: what a script tells of its package.
`packages/`: the wheels that a job's packages become. `data`: folders that stand for Kaggle's data.
`report/`: pages and figures of what the sessions came to.
`preflight/`: what can be known before a session is spent. `endings`: why one ended, and whether another may do better;
`restraint`: whether that one may begin without being asked for. `notifying`: who is told of either.
`curve/`: what all sessions measured; `tracking/`: that in an experiment tracker. `changes`: what is other than when a
session was packaged. `settled`, `settling`: that there is nothing to do, kept.
`acting/`: the best agent at work in a process of its own; `pictures/`: a video of it; `export/`: what is handed on of
it. `verifying/`: whether all that a run stands on is as it should be; `repairing/`: what is broken of it, mended.
`steering/`: answers for programs, history, logs, pictures. `retention/`: what of a lineage stays on the disk.
`commands/`, `display`: what users ask and see. `command_line`: what they ask outside of a project's tasks, of which
`new_project/` writes one and `image_build` builds the image.
"""

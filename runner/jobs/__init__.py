"""The jobs of jobs.yaml.

`file`: each job in its two forms, or what is wrong with it (`findings`), and what to write instead (`remedies`).
`sections`: a job as jobs.yaml has it. `yaml_positions`: the file with the line of every key. `matrix`, `layers`: one
entry that stands for several jobs. `other_tools`: what those call our keys. `source_folders`: what is wrong with the
folders in `sources`; `distributions`: what is installed. `cache`: the same jobs without checking them again; `judged`:
those of them that an edit does not touch. `own_keys`: what of a job is neither a session's nor a backend's. `adding`: a
job more in the file. `zoo/`: entries of rl-baselines3-zoo as jobs.
"""

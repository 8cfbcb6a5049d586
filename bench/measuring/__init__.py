"""What the benchmarks share.

`clock`, `counting`, `tensors`: time, bytes and weights measured; `tables`: that for people and programs. `graphs`,
`finished`, `many_runs`, `places`: projects, loops and places to measure commands in. `courses`: trainings that several
tools do, by `plain_training`, `sb3_training`, `zoo` and `zoo_training`; `cutting` and `interrupted`: such trainings cut
off. `session_input`, `replay`, `filling`, `frames`: sessions, their buffers and images made for the purpose;
`saving_session`, `breakdown`: where the time of one goes.
"""

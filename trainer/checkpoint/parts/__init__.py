"""The parts of a resume state: for each kind of state one module that captures it and puts it back.

`attributes`: of the algorithm, with its action noise. `environments`: the environments themselves. `exploration`:
gSDE's noise. The generators have `trainer.generators`, the action space `trainer.environments.spaces`, transitions
`trainer.checkpoint.replay_buffer`, wrappers around all environments `trainer.environments.wrapping.states`.
"""

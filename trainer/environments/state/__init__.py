"""What the next step of an environment depends on: taken, and put back in another session.

`snapshot`: the state of one environment, wrappers included; `layers`: of each layer of it; `native_parts`: of parts
that only a native library knows. `states`: of all environments. `recorded_actions`: for environments without a state;
`box2d_worlds`: what gymnasium's need for that.
"""

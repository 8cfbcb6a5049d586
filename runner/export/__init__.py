"""What is handed on of a job's best agent.

In the agent's own process: `policy` measures it and has its parts written, `modules` is the policy as a module that
ONNX can express, `normalization` what it scales by, `onnx_file` writes and compares it. Beside that process: `card`
tells of it, `folder` puts all together.
"""

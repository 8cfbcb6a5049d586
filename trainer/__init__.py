"""What runs inside a session: trains a job and leaves artifacts. Knows nothing of Kaggle, Docker or doit."""

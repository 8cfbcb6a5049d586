"""What shows a job to people and to other tools: `curve`, `report`, `video`, `export`, `track`, a module for each."""

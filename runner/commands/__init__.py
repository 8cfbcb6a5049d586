"""What users ask beside running, a module for each: `plan`, `status`, `cancel`, `start_afresh`, `doctor`, `adopt`.

`tune`, `promote`: searches. `import_zoo` takes jobs from elsewhere; `calibrate` asks a backend's own part, and so does
`tidy`, after `runner.retention`. `showing/`: curves, pages, videos and what is handed on. `mending/`: what is broken,
found and mended, and sessions brought back from what a backend holds. `saying`: an end at which all was said. `table`:
rows between lines.
"""

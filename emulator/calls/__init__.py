"""Kaggle's remote procedure calls, a module for each group of them, with a table `CALLS` of its own.

`wire`: requests and answers as the client's own types. `kernels`, `outputs`, `push`: kernels and what their sessions
leave. `datasets`, `dataset_files`, `dataset_settings`: datasets. `uploads`: places for files. `access_tokens`: whose
token it is. `paging`: pages of a list.
"""

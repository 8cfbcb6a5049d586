"""Kaggle's remote procedure calls, a module for each service.

`kernels`, `outputs`, `push`: kernels and what their sessions leave. `datasets`, `dataset_files`, `dataset_settings`:
datasets. `tokens`: whose token it is. `paging`: pages of a list.
"""

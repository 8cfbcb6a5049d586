"""Files from strangers, read without running anything in them.

`judging`: whatever is wrong with one, as a sentence. `zip_file`: a checkpoint's zip, byte by byte; `spans`: ranges of
bytes in it; `member_names`: what may be in it. `tensors`, with `tensor_specs` and `torch_names`: what `torch.save`
wrote, by way of `pickle_machine`, which follows a pickle's instructions and calls nothing; `object_machine` does with
what Stable-Baselines3 pickled. `strict_json`: JSON with one meaning.
"""

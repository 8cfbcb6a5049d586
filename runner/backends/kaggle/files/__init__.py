"""Files on their way to Kaggle and back.

`payload`: which of them go into the dataset. `stores`: which are in others already. `upload`: each one, as `sent` puts
it together, whole or an error. `transfer`: one file from there, resumed where it broke off. `download`: what a session
left, checked.
"""

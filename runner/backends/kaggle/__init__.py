"""The kaggle backend: sessions as versions of one private kernel, their input as versions of one private dataset."""

"""What runs a script as a Kaggle batch run, whoever asks: one file for each kind of machine."""

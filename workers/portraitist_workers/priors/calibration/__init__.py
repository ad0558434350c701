"""What a foreign generator needs to be a prior: samples, directions, encoder. `operations/calibrate.py` is the way through."""

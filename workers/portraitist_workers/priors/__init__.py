"""Generators that personas are made from: the bundled default, and weights that the user brings.

library      a prior by name, ready to use
convert      a foreign file to safetensors, in a process that locked itself in (lockdown)
calibration  what a foreign generator needs to be a prior: spread of W, attribute directions, encoder
verify export probe     the rest of `portraitist priors`
engine training         how the default prior was made
"""

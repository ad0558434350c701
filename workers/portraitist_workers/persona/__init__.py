"""A person's own corner of the prior: anchors, axes, tuned generator.

organizers   how anchors are arranged by attribute (MyStyle, MyStyle++, regression)
tuning       anchors and generator, optimised together; checkpoints
hull         the beta-dilated hull of the anchors: sampling and projection
control      requested values -> latents, measured and corrected in a closed loop
compact      the generator's change, small
model        all of it in one file
"""

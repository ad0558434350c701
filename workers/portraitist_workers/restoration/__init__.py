"""Degradations as differentiable functions (`degrade`), and their estimation from a picture (`estimate`)."""

"""Restoring a damaged photo: what its damage left (`locate`, `holes`, `observation`), by what a restored picture is measured (`loss`),
degradations as differentiable functions (`degrade`), and their estimation from a picture (`estimate`)."""

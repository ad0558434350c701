"""Faces changed part by part, for priors whose generator has parts.

- `controls.py`   what can be set in each part, from the prior's asset `parts`
- `sources.py`    where parts are taken from: other photos, faces that nobody has
- `composed.py`   all of it together: one latent and one composition
- `held.py`       nothing changes but the parts that were to change
- `kept.py`       how far each part's mask stayed
- `way.py`        the way there, for a picture that moves
"""

"""Restoring a damaged photo. `locate`, `holes` and `observation` find what its damage left. `loss` measures a restored picture.
`degrade` has degradations as differentiable functions, and `estimate` estimates them from a picture."""

"""Touching a picture: points of it are pulled to other places, and the face follows. `draggan` is the method, `landing` its report."""

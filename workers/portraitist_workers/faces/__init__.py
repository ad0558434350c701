"""Faces in photographs: decoding, detection, alignment, identity, attributes, perceptual distance, photo intake."""

"""Editing a real photo. `opening` is slow and happens once. `moving` changes attributes. `delivery` puts the face back into the photo."""

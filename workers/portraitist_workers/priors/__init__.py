"""Generators that personas are made from: the bundled default and (later) official weights the user brings."""

"""The demonstration: one example person from photos to report, through the public SDK and a real worker.

portraitist demo          (or: python -m portraitist_workers.demo)
"""

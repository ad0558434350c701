"""Celery's side: taking jobs from the ledger, running them under a lease, and looking after those whose worker died.

`tasks.py` is where a child begins a job, `execution.py` carries it out. `embedded.py` and `supervisor.py` are one host's worker;
`cluster.py`, `node.py` and `reaper.py` are a cluster's.
"""

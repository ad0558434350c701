"""The tables of the SQLite ledger, and how homes made by an earlier version get them."""

from __future__ import annotations

import sqlite3

from .api_keys.sqlite import SCHEMA as API_KEYS_SCHEMA
from .outbox.sqlite import SCHEMA as OUTBOX_SCHEMA

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, operation TEXT NOT NULL, persona_id TEXT NOT NULL, status TEXT NOT NULL, request TEXT NOT NULL,
    body_hash TEXT NOT NULL, shape TEXT NOT NULL, key TEXT, lane TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    token INTEGER NOT NULL DEFAULT 0, worker TEXT NOT NULL DEFAULT '', lease_until REAL NOT NULL DEFAULT 0,
    cancel_requested REAL, result TEXT, error TEXT, created REAL NOT NULL, started REAL, finished REAL,
    tenant TEXT NOT NULL DEFAULT 'default', priority INTEGER NOT NULL DEFAULT 0, trace TEXT, webhook TEXT);
CREATE INDEX IF NOT EXISTS jobs_by_status ON jobs (status, lane, created);
CREATE INDEX IF NOT EXISTS jobs_by_turn ON jobs (status, lane, tenant, priority DESC, created);
CREATE INDEX IF NOT EXISTS jobs_by_end ON jobs (finished);
CREATE INDEX IF NOT EXISTS jobs_by_persona ON jobs (persona_id);
CREATE UNIQUE INDEX IF NOT EXISTS jobs_by_tenant_key ON jobs (tenant, key) WHERE key IS NOT NULL;
DROP INDEX IF EXISTS jobs_by_key;
CREATE TABLE IF NOT EXISTS events (
    job_id TEXT NOT NULL, seq INTEGER NOT NULL, time REAL NOT NULL, kind TEXT NOT NULL, data TEXT NOT NULL,
    PRIMARY KEY (job_id, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS refs (digest TEXT NOT NULL, job_id TEXT NOT NULL, PRIMARY KEY (digest, job_id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS refs_by_job ON refs (job_id);
CREATE TABLE IF NOT EXISTS personas (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, status TEXT NOT NULL, record TEXT, job_id TEXT NOT NULL,
    tenant TEXT NOT NULL DEFAULT 'default', consent TEXT, expires REAL);
CREATE TABLE IF NOT EXISTS wrapped_keys (persona_id TEXT PRIMARY KEY, wrapped TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS deletions (
    persona_id TEXT PRIMARY KEY, tenant TEXT NOT NULL, time REAL NOT NULL, blobs TEXT NOT NULL, jobs TEXT NOT NULL, receipt TEXT
    ) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS personas_by_tenant_name ON personas (tenant, name) WHERE status != 'deleted';
DROP INDEX IF EXISTS personas_by_name;
CREATE TABLE IF NOT EXISTS turns (lane TEXT NOT NULL, tenant TEXT NOT NULL, turn INTEGER NOT NULL, PRIMARY KEY (lane, tenant));
CREATE TABLE IF NOT EXISTS quotas (tenant TEXT PRIMARY KEY, running INTEGER, queued INTEGER, personas INTEGER);
"""
# Columns that homes made by an earlier version lack.
_ADDED = {
    "jobs": {
        "tenant": "TEXT NOT NULL DEFAULT 'default'",
        "priority": "INTEGER NOT NULL DEFAULT 0",
        "trace": "TEXT",
        "webhook": "TEXT",
    },
    "personas": {"tenant": "TEXT NOT NULL DEFAULT 'default'", "consent": "TEXT", "expires": "REAL"},
    "api_keys": {"jobs": "INTEGER"},
}


def prepare(db: sqlite3.Connection) -> None:
    """Inside a transaction: make what is not there."""
    for table, columns in _ADDED.items():
        have = {row["name"] for row in db.execute(f"PRAGMA table_info({table})")}
        for name in columns.keys() - have if have else ():
            db.execute(f"ALTER TABLE {table} ADD COLUMN {name} {columns[name]}")
    for statement in (_SCHEMA + OUTBOX_SCHEMA + API_KEYS_SCHEMA).split(";"):
        db.execute(statement)

"""Webhooks that are due: written by the ledger in the same step as the event they tell of, taken and settled by the workers."""

from .protocol import DeliveryRow, Outbox

__all__ = ["DeliveryRow", "Outbox"]

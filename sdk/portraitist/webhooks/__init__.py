"""Webhooks: being told when a job is over, instead of asking. Signed as Standard Webhooks; docs/webhooks.md.

from portraitist import webhooks
event = webhooks.verify(body, headers, secret)      # in the endpoint; raises SignatureInvalid
"""

from .wire import Webhook, WebhookEvent, verify

__all__ = ["Webhook", "WebhookEvent", "verify"]

"""Decide which GPUs to buy, rent and reserve to serve language models."""

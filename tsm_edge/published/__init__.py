"""Checkpoints that others published: which there are, where they may be had, and the user's copies of them."""

from tsm_edge.published.fetch import fetch
from tsm_edge.published.store import fetched_path, is_fetched
from tsm_edge.published.table import PUBLISHED, PublishedCheckpoint, get_published

__all__ = ["PUBLISHED", "PublishedCheckpoint", "fetch", "fetched_path", "get_published", "is_fetched"]

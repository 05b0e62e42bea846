"""Encode and decode times: measured beside one another on one pinned worker, apart from runs."""

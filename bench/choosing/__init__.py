"""Decisions from a study: the cheapest setting of each codec that loses no more than one tolerates."""

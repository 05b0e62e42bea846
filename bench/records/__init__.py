"""What was measured, as it lies on disk: records, packs of them, and the index of what the last run knew."""

"""What networks are worth that were trained on stored images: read from records, as tables and figures."""

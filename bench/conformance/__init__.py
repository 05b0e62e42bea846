"""What the bench relies on in a codec, as promises that can be tried on any codec."""

"""Searches of CTC: the best path, and beams of prefixes."""

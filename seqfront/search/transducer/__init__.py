"""Searches of transducers: greedy, and beams in step with frames or with alignments."""

"""Functions on tensors, one idea a file."""

"""Whole programs: data, training, evaluation, command line."""

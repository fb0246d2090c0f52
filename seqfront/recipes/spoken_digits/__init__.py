"""Strings of spoken digits, heard as streams: `python -m seqfront.recipes.spoken_digits`.

Real recordings (the Free Spoken Digit Dataset, by path), joined into strings. An Emformer
transducer, trained on one framework, hears held-out strings chunk by chunk on both.
"""

"""Reading lines of handwritten digits with a small transducer: `python -m seqfront.recipes.digits`.

Real handwriting (the UCI digits that come with scikit-learn, 8 by 8 pixels), composed into lines;
the columns of a line are its time. One model, trained on one framework, read by all.
"""

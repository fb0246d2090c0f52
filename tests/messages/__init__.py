"""Every message of seqfront: how to get it, and its full text."""

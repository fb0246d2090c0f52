def test_x():
    import seqfront, torch, seqfront_torch
    print(seqfront.__file__)

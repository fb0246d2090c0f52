def test_x():

    import seqfront

    print(seqfront.__file__)

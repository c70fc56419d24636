from blemish.core.seeds import derive_seed, rng


def test_the_same_keys_give_the_same_numbers_for_ever():
    # python -c "from blemish.core.seeds import derive_seed; print(derive_seed(7, 'tile', 3))"
    assert derive_seed(7, "tile", 3) == 977866762689989442
    assert rng(7, "tile", 3).integers(0, 2**31, 4).tolist() == rng(7, "tile", 3).integers(0, 2**31, 4).tolist()


def test_a_number_and_its_text_are_different_keys():
    assert derive_seed(0, 1) != derive_seed(0, "1")
    assert derive_seed(0, "a", "b") != derive_seed(0, "ab")

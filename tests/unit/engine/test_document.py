from slipway.engine.context import without_empty


def test_empty_maps_are_left_out_and_nothing_else() -> None:
    spec = {"a": {"b": {}}, "c": [{"d": {}, "e": 1}], "f": [], "g": "", "h": None, "i": {"j": 0}}
    assert without_empty(spec) == {"c": [{"e": 1}], "f": [], "g": "", "h": None, "i": {"j": 0}}

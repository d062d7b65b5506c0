"""Commands of `slipway catalog` that look at modules, and how these are told."""

"""The commands below `slipway bundle`."""

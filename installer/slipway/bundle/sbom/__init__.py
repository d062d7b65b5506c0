"""Bills of materials: all that is in a bundle, part by part, in the formats that other programs read. Pure."""

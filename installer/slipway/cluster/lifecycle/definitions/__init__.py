"""CustomResourceDefinitions of modules: read out of charts, applied before their release, never another owner's."""

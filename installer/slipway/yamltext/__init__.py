"""YAML as Kubernetes and Helm read and write it: the only importer of PyYAML that reads.

Both read with Go's sigs.k8s.io/yaml, which is go-yaml v2 and a way through JSON. PyYAML by itself differs from it in
some thirty kinds of scalars, so it serves as the parser alone (libyaml); what a scalar is, and what a map may hold, is
said here. `strict` is for what people write for Slipway: it refuses what two readers would read differently.
"""

from slipway.yamltext.errors import MAX_DEPTH, YamlTextError
from slipway.yamltext.places import Alias, List, Map, Node, Scalar, key_of, tree
from slipway.yamltext.reading import load, load_all
from slipway.yamltext.scalars import shortest
from slipway.yamltext.writing import dump, dump_all

__all__ = [
    "MAX_DEPTH",
    "Alias",
    "List",
    "Map",
    "Node",
    "Scalar",
    "YamlTextError",
    "dump",
    "dump_all",
    "key_of",
    "load",
    "load_all",
    "shortest",
    "tree",
]

# What our inventory plugin uses of Ansible's base class.
from ansible.inventory.data import InventoryData

class Display:
    def warning(self, msg: str) -> None: ...

class BaseInventoryPlugin:
    NAME: str
    display: Display
    inventory: InventoryData

    def verify_file(self, path: str) -> bool: ...
    def parse(self, inventory: InventoryData, loader: object, path: str, cache: bool = ...) -> None: ...

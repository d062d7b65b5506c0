"""What stands for a controller: a look at the cluster, again and again."""

import contextlib
import threading
from collections.abc import Callable, Iterator

#: Seconds between two looks.
_EVERY = 0.5


@contextlib.contextmanager
def repeated(look: Callable[[], None]) -> Iterator[None]:
    """While it lasts; an API server that begins or ends meanwhile is looked at again."""
    over = threading.Event()

    def look_again() -> None:
        while not over.wait(_EVERY):
            with contextlib.suppress(OSError):
                look()

    thread = threading.Thread(target=look_again, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()

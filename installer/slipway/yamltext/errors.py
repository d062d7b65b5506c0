"""What is wrong with a text, and the events that one without such faults has."""

from collections.abc import Iterator
from typing import Any, Final

import yaml
from yaml.cyaml import CParser  # type: ignore[attr-defined]  # the types do not export it
from yaml.events import Event

#: Levels. Objects of Kubernetes have some thirty; JSON readers on the way to its API give up at 200.
MAX_DEPTH: Final = 100


#: What libyaml says of a tab where a value would begin, and of `@` and backticks.
_NOTHING_BEGINS: Final = "found character that cannot start any token"


class YamlTextError(ValueError):
    """The text cannot be read; `line` counts from 1, and is 0 where none is to blame."""

    def __init__(self, problem: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {problem}" if line else problem)
        self.problem = problem
        self.line = line


def _begun_by(text: str | bytes, mark: Any) -> str:
    """The character with which nothing in YAML begins, and what to write."""
    written = text.decode(errors="replace") if isinstance(text, bytes) else text
    letter = written.splitlines()[mark.line][mark.column :][:1]
    if letter == "\t":
        return "found a tab: indent with blanks"
    return f"found {letter!r}, with which no value begins: put the value in quotes"


def events(text: str | bytes) -> Iterator[Event]:
    """What libyaml's parser sees. It keeps no stack of ours, so that depth is the reader's to limit.

    Raises:
        YamlTextError: the text is no YAML.
    """
    parser = None
    try:
        parser = CParser(text)
        while event := parser.get_event():
            yield event
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        problem = _begun_by(text, mark) if exc.problem == _NOTHING_BEGINS else exc.problem or str(exc)
        raise YamlTextError(problem, mark.line + 1 if mark else 0) from exc
    except yaml.reader.ReaderError as exc:
        raise YamlTextError(f"{exc.reason} at byte {exc.position}") from exc
    except (yaml.YAMLError, UnicodeError) as exc:
        raise YamlTextError(str(exc)) from exc
    finally:
        if parser is not None:
            parser.dispose()


def start_of(event: Event) -> Any:
    """The mark where an event begins: `index` in characters, `line` and `column` from 0. libyaml gives all of them."""
    return event.start_mark


def line_of(event: Event) -> int:
    """The line it begins in, from 1."""
    return int(start_of(event).line) + 1


def check_depth(depth: int, line: int) -> None:
    """Refuse what is nested deeper than any object is."""
    if depth > MAX_DEPTH:
        raise YamlTextError(f"more than {MAX_DEPTH} levels are nested here", line)

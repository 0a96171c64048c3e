"""
YAML 1.2 as plain values and nothing else, with the line of every value.

Aliases, tags, directives, merge keys, duplicate keys and fractions are refused: a file says what it
says. A date stays a text, and so does a bare NO.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MOST_CHARACTERS = 2_000_000

Path = tuple[str | int, ...]


class NotStrictYaml(ValueError):
    """The message ends with the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """`lines` counts from 1 and has an entry for every value, by its path from the top."""

    value: Any
    lines: Mapping[Path, int]

    def line_of(self, path: Path) -> int:
        """Return the line of a value, or of what should have held it."""
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]


def read(text: str) -> Document:
    """
    Return the one document that a text holds.

    :raises NotStrictYaml: if it is too long, no YAML 1.2, or uses what is refused here
    """
    if len(text) > MOST_CHARACTERS:
        raise NotStrictYaml(f"the file is longer than {MOST_CHARACTERS} characters, line 1")
    text = text.removeprefix("\ufeff")
    directive = re.search(r"(?:^|[\r\n\x85\u2028\u2029])%", text)
    if directive:
        line = text.count("\n", 0, directive.end()) + 1
        raise NotStrictYaml(f"directives are not read, line {line}")
    lines: dict[Path, int] = {}
    try:
        node = YAML(typ="safe", pure=True).compose(StringIO(text))
        if node is None:
            raise NotStrictYaml("the file is empty, line 1")
        return Document(value=_value(node, (), lines, set()), lines=lines)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise NotStrictYaml(f"{error.problem or error.context}{where}") from error
    except YAMLError as error:
        raise NotStrictYaml(f"{error}".splitlines()[0]) from error
    except RecursionError as error:
        raise NotStrictYaml("the file is nested too deeply, line 1") from error


# What an escape can write into a text, and neither PostgreSQL nor UTF-8 can hold.
_HALVES = re.compile(r"[\x00\ud800-\udfff]")


def _value(node: Node, path: Path, lines: dict[Path, int], seen: set[int]) -> Any:
    line = node.start_mark.line + 1
    if id(node) in seen or node.anchor:
        raise NotStrictYaml(f"anchors and aliases are not read, line {line}")
    seen.add(id(node))
    lines[path] = line
    match node:
        case MappingNode(tag="tag:yaml.org,2002:map"):
            found: dict[str, Any] = {}
            for key_node, value_node in node.value:
                key = _key(key_node)
                if key in found:
                    place = key_node.start_mark.line + 1
                    raise NotStrictYaml(f"{key!r} is there twice, line {place}")
                found[key] = _value(value_node, (*path, key), lines, seen)
                lines[*path, key] = key_node.start_mark.line + 1
            return found
        case SequenceNode(tag="tag:yaml.org,2002:seq"):
            return [
                _value(child, (*path, index), lines, seen) for index, child in enumerate(node.value)
            ]
        case ScalarNode():
            return _scalar(node, line)
    raise NotStrictYaml(f"tags such as {node.tag} are not read, line {line}")


def _key(node: Node) -> str:
    if (
        not isinstance(node, ScalarNode)
        or node.tag != "tag:yaml.org,2002:str"
        or _HALVES.search(node.value)
    ):
        raise NotStrictYaml(f"a key must be a text, line {node.start_mark.line + 1}")
    return str(node.value)


def _scalar(node: ScalarNode, line: int) -> Any:
    text = str(node.value)
    match (node.tag or "").removeprefix("tag:yaml.org,2002:"):
        # Dates are no type of YAML 1.2; who wants one reads the text.
        case "str" | "timestamp" if not _HALVES.search(text):
            return text
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int" if re.fullmatch(r"[-+]?[0-9]{1,18}", text):
            return int(text)
        case "str" | "timestamp":
            raise NotStrictYaml(f"a text holds what no text can, line {line}")
    raise NotStrictYaml(f"{text[:40]!r} must be quoted to be a text, line {line}")


def write(value: Mapping[str, Any]) -> str:
    """
    Return a text that `read` takes back to the same value: block style, keys in their order.

    Takes maps, lists, texts, booleans and whole numbers of up to 18 digits.
    """
    return "".join(f"{line}\n" for line in _lines(value, ""))


def _lines(value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, child in value.items():
            yield from _entry(f"{indent}{_word(key)}:", child, f"{indent}  ")
        return
    for child in value:
        if isinstance(child, Mapping | list) and child:
            first, *others = _lines(child, f"{indent}  ")
            yield f"{indent}- {first.lstrip()}"
            yield from others
        else:
            yield f"{indent}- {_word(child)}"


def _entry(head: str, child: Any, indent: str) -> Iterator[str]:
    if isinstance(child, Mapping | list) and child:
        yield head
        yield from _lines(child, indent)
    else:
        yield f"{head} {_word(child)}"


# What is a plain text to YAML 1.2, to 1.1 and to a reader. Everything else is quoted as in JSON.
_PLAIN = re.compile(r"[^\W\d_]([^\x00-\x1f\x7f-\xa0\u2028\u2029\ufeff:#\\\"']|:(?=/))*(?<! )")
_NOT_PLAIN = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def _word(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if _PLAIN.fullmatch(value) and value.lower() not in _NOT_PLAIN:
        return value
    # DEL and the C1 controls are JSON, but no YAML.
    return re.sub(
        r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]",
        lambda found: f"\\u{ord(found[0]):04x}",
        json.dumps(value, ensure_ascii=False),
    )

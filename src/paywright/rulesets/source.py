"""YAML as plain values, each with its line. Pure.

A strict part of YAML: mappings with unique text keys, sequences, text, numbers, booleans, null.
No aliases (a small text could stand for a huge value), no tags, one document.
"""

import re
from typing import Any

import msgspec
import yaml

from paywright.rulesets.report import Report, step

SOURCE_MAX_BYTES = 256 * 1024
_DEPTH_MAX = 20
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9_]{0,30})\Z")
_TAG = "tag:yaml.org,2002:"


class Parsed(msgspec.Struct, frozen=True):
    """`report` knows the lines, and holds what was wrong so far."""

    value: Any
    report: Report


def parse_yaml(source: str) -> Parsed:
    """Raises RuleSetInvalid when the source cannot be read at all."""
    report = Report()
    if len(source.encode(errors="replace")) > SOURCE_MAX_BYTES:
        report.add("", f"the document is larger than {SOURCE_MAX_BYTES // 1024} kB")
        report.refuse()
    loader = None
    try:
        loader = _Loader(source)
        root = loader.get_single_node()
        value = None if root is None else _Reader(loader, report).read(root, "")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        text = ": ".join(part for part in (error.context, error.problem) if part)
        report.add("", text, line=mark.line + 1 if mark else 1)
    except yaml.YAMLError as error:  # a character that no YAML may have
        report.add("", " ".join(str(error).split()))
    finally:
        if loader is not None:
            loader.dispose()
    report.refuse()
    return Parsed(value, report)


class _Loader(yaml.SafeLoader):
    """Refuses aliases and deep nesting while the tree is built, before either can cost anything."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="aliases are refused", problem_mark=event.start_mark)
        if self.depth >= _DEPTH_MAX:
            raise yaml.MarkedYAMLError(
                problem=f"nested more than {_DEPTH_MAX} deep", problem_mark=event.start_mark
            )
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Reader:
    """Turns nodes into values and notes the line of every path."""

    def __init__(self, loader: _Loader, report: Report) -> None:
        self._loader = loader
        self._report = report

    def read(self, node: yaml.Node, path: str) -> Any:
        self._report.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self.read(item, f"{path}[{i}]") for i, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != _TAG + "str":
                self._report.add(path, "a key must be text", line=line)
                continue
            key = key_node.value
            if key in found:
                self._report.add(step(path, key), "the key is given twice", line=line)
                continue
            # A value may start lines below its key (`when: >`); people look for the key.
            self._report.lines[step(path, key)] = line
            found[key] = self.read(value_node, step(path, key))
        return found

    def _scalar(self, node: yaml.Node, path: str) -> Any:
        kind = node.tag.removeprefix(_TAG)
        if kind in ("str", "timestamp"):
            return node.value
        # YAML 1.1 takes `no` for false, which is a country, and 010 for eight.
        if kind == "bool" and node.value.lower() not in ("true", "false"):
            return node.value
        if kind == "int" and not _DECIMAL.match(node.value):
            self._report.add(path, "an integer must be written in plain decimal digits")
            return None
        if kind in ("int", "float", "bool", "null"):
            return self._loader.construct_object(node)
        self._report.add(path, f"the tag {node.tag} is refused")
        return None

#!/usr/bin/env python3
"""module.py MODULE UMBRELLA: fails where the module does not export exactly the public names of the headers that the
umbrella includes. A public name is what has a documentation comment and stands in no class; docs/reference.sh sees to
it that each has one."""

import pathlib
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "docs/reference"))
from comments import _balanced, _without_templates, blocks_of  # noqa: E402

NAMESPACE = re.compile(r"namespace ([\w: ]+) \{")
NO_CODE = re.compile(r"//.*|\"[^\"]*\"|'[^']*'")
ATTRIBUTES = re.compile(r"\[\[.*?\]\]\s*|\b(?:inline|constexpr|SYNCOPATE_DECL)\s+")


def name_of(declaration):
    _, rest = _without_templates(ATTRIBUTES.sub("", declaration))
    if match := re.match(r"(?:class|struct|enum class|concept|using|namespace) (\w+)", rest):
        return match.group(1)
    if rest.startswith("requires"):
        # In brackets, or one concept: `requires(A && B) void f()`, `requires A<T> void f()`.
        rest = re.sub(r"^requires\s*[\w:]*", "", rest)
        _, rest = _balanced(rest, rest[0], ">" if rest[0] == "<" else ")")
    return re.search(r"(\w+)\(", rest).group(1)


def public_names(header):
    """Names below syncopate, as from_thread::run."""
    lines = header.read_text(encoding="utf-8").splitlines()
    blocks = {block.first + len(block.lines): block for block in blocks_of(lines)}
    scopes = []  # a namespace's name, or nothing for any other bracket
    for number, line in enumerate(lines):
        if number in blocks and scopes and all(scopes) and not line.startswith("#"):
            path = "::".join(scopes).split("::")[2:]  # without syncopate and the version
            if "detail" not in path:
                yield "::".join([*path, name_of(blocks[number].declaration)])
        namespace = NAMESPACE.match(line)
        for bracket in re.findall("[{}]", NO_CODE.sub("", line)):
            if bracket == "}":
                scopes.pop()
            else:
                scopes.append(namespace.group(1).replace("inline ", "") if namespace else "")


def main():
    module, umbrella = map(pathlib.Path, sys.argv[1:])
    include = umbrella.parents[1]
    headers = re.findall(r"#include <(syncopate/.*)>", umbrella.read_text(encoding="utf-8"))
    wanted = {name for header in headers for name in public_names(include / header)}
    text = module.read_text(encoding="utf-8")
    # asio is the one name that is no declaration of the library's.
    wanted.add("asio")
    exported = re.findall(r"^(?:using|namespace) (?:syncopate::)?([\w:]+)(?:;| =)", text, re.MULTILINE)
    problems = [f"{name} is there twice" for name in set(exported) if exported.count(name) > 1]
    problems += [f"{name} is public, and not exported" for name in wanted - set(exported)]
    problems += [f"{name} is exported, and not public" for name in set(exported) - wanted]
    if problems:
        sys.exit("\n".join(f"{module}: {problem}" for problem in sorted(problems)))
    if not wanted:
        sys.exit("There is no public name.")
    print(f"{len(wanted)} public names are exported")


main()

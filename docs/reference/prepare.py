#!/usr/bin/env python3
"""prepare.py INCLUDE_DIR OUTPUT_DIR: writes the public headers, and the pages beside this folder, as Doxygen wants
them, line for line.

- The headings become paragraphs with a title, and the names of parameters entries of their table.
- What Doxygen would take for a command or for HTML is escaped.
- The first line describes the file, and what is in it belongs to the subject that subjects.txt names.
- What says by itself what it is (a getter below its documented setter, what is deleted or defaulted) gets that
  sentence.
- In pages, a link to what is no page is only its text.
- Protected members are not shown: they are for the library's own classes.
"""

import pathlib
import re
import sys

sys.dont_write_bytecode = True
from comments import blocks_of, declaration_at  # noqa: E402


SUBJECTS = pathlib.Path(__file__).with_name("subjects.txt")


def read_subjects():
    subjects = {}
    for line in SUBJECTS.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            subject, *headers = line.split()
            subjects.update((header, subject) for header in headers)
    return subjects


class Escape:
    """Of what Doxygen would take for a command or for HTML, but between backquotes, which may be on two lines."""

    def __init__(self, characters=r"\\@<#%"):
        self.pattern = re.compile(f"[{characters}]")
        self.in_quotes = False

    def __call__(self, text):
        parts = text.split("`")
        for number, part in enumerate(parts):
            if number > 0:
                self.in_quotes = not self.in_quotes
            if not self.in_quotes:
                part = self.pattern.sub(lambda match: "\\" + match.group(), part)
                parts[number] = re.sub(r"^(\s*)>", r"\1\\>", part)
        return "`".join(parts)


def converted(line, block, escaped):
    if line.kind == "heading":
        names = line.name.split(", ")
        text = escaped(line.text)
        if all(name in block.template_parameters for name in names):
            return f"@tparam {','.join(names)} {text}"
        if all(name in block.parameters for name in names):
            return f"@param {','.join(names)} {text}"
        if all(name in block.callback_parameters for name in names):
            return f"@argument{{{' '.join(names)}}} {text}"
        return f"@{line.name.lower()} {text}"
    if line.kind in ("text", "more"):
        return escaped(line.text)
    return line.text


# Members that mean in every class what the standard, or Asio, says of them.
STANDARD_MEMBERS = {
    "value_type": "The type of an item.",
    "difference_type": "As std::iterator_traits has it.",
    "reference": "As std::iterator_traits has it.",
    "pointer": "As std::iterator_traits has it.",
    "iterator_category": "As std::iterator_traits has it.",
    "iterator_concept": "As std::iterator_traits has it.",
    "const_iterator": "The only kind of iterator there is.",
    "executor_type": "The type of get_executor().",
    "promise_type": "What the compiler makes the coroutine with.",
    "get_return_object": "What the coroutine returns.",
    "operator*": "The item.",
    "operator->": "The item.",
    "operator++": "Goes on to the next item.",
    "operator==": "Compares.",
    "begin": "The first item.",
    "end": "Behind the last item.",
    "size": "How many items there are.",
    "empty": "Whether there is no item.",
}


def plain_sentence(declaration, above, setters):
    """What a declaration says by itself; or None. above: the name that was documented last."""
    declaration = declaration.strip()
    if match := re.match(r"(?:using|class|struct) (\w+)", declaration):
        return STANDARD_MEMBERS.get(match.group(1))
    if "= delete" in declaration:
        return "Deleted."
    if match := re.search(r"operator=\((.*?)\)", declaration):
        return "Moves." if "&&" in match.group(1) else "Copies."
    if match := re.match(r"(?:explicit |constexpr )*(\w+)\((\1[^()]*)\)", declaration):
        return "Moves." if "&&" in match.group(2) else "Copies."
    if re.match(r"\w+\(\) = default", declaration):
        return "Default construction."
    match = re.search(r"(\w+|operator[^\w\s(]+)\(", declaration)
    if not match:
        return None
    name = match.group(1)
    if name == above and declaration.endswith(("&&", "&& noexcept", "&", "& noexcept")):
        return "The same, of a temporary." if "&&" in declaration.split(")")[-1] else "The same."
    if name in setters and re.search(r"\(\) const(?: noexcept)?$", declaration):
        return "What has been set."
    return STANDARD_MEMBERS.get(name)


STATEMENT = re.compile(r"\s*(return|if|while|for|throw|auto|co_\w+|using \w+::|static_cast|friend class)\b")


def prepared(lines, subject):
    out = list(lines)
    documented = set()
    for block in blocks_of(lines):
        escaped = Escape()
        for number, line in enumerate(block.lines, block.first):
            indent = re.match(r"\s*", lines[number]).group()
            out[number] = f"{indent}/// {converted(line, block, escaped)}".rstrip()
        documented.add(block.first + len(block.lines))

    above = None
    setters = set()
    for number, line in enumerate(lines):
        declaration = declaration_at(lines, number).strip()
        if re.match(r"(class|struct) |    \};", line):
            setters = set()
        if number in documented:
            if match := re.search(r"(\w+)\(", declaration):
                above = match.group(1)
            if match := re.match(r"\w+& (\w+)\(", declaration):
                setters.add(match.group(1))
        elif re.match(r"(    |        )[\w~\[]", line) and not STATEMENT.match(line):
            if sentence := plain_sentence(declaration, above, setters):
                indent = re.match(r"\s*", line).group()
                out[number] = f"{indent}/** {sentence} */ {line.strip()}"

        if re.fullmatch(r"\s*protected:", line):
            out[number] = line.replace("protected", "private")
        elif line.startswith("struct std::"):
            out[number - 1 : number + 1] = ["", ""]
        elif re.fullmatch(r"namespace syncopate(::http)? \{", line) and lines[number + 2] != "}":  # not one name alone
            out[number] += f" /** @addtogroup {subject} */ /** @{{ */"
        elif re.fullmatch(r"\}  // namespace syncopate(::http)?", line):
            out[number] = "/** @} */ " + out[number]

    if lines[0].startswith("// ") and lines[1] == "#pragma once":
        out[0] = "/// @file"
        out[1] = "/// " + Escape()(lines[0][3:])
    return out


PAGES = pathlib.Path(__file__).parents[1]
# An overview of the pages, which the reference has itself, and what users do not need.
NO_PAGES = ("README.md", "CONTRIBUTING.md")


def identifier_of(page):
    return "guide_" + page.removesuffix(".md").replace("-", "_")


def prepared_page(name, lines, pages):
    def link(match):
        text, target = match.groups()
        if "://" in target:
            return match.group()
        page = target.split("#")[0]
        return f"[{text}](@ref {identifier_of(page)})" if page in pages else text

    escaped = Escape(r"\\@")
    in_code = False
    for number, line in enumerate(lines):
        if line.startswith("```"):
            in_code = not in_code
        elif number == 0:
            line = line.replace("`", "") + f" {{#{identifier_of(name)}}}"
        elif not in_code:
            line = re.sub(r"\*\*(`[^`]*`)\*\*", r"<b>\1</b>", escaped(line))
            line = re.sub(r"(?<!!)\[([^\]]*)\]\(([^)\s]*)\)", link, line)
        yield line


def write(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main():
    include, output = map(pathlib.Path, sys.argv[1:])
    subjects = read_subjects()
    headers = sorted((include / "syncopate").glob("*.hpp")) + sorted((include / "syncopate/http").glob("*.hpp"))
    names = [str(header.relative_to(include / "syncopate")) for header in headers]
    if strangers := [name for name in names if name not in subjects]:
        sys.exit(f"Without a subject: {' '.join(strangers)}; add them to {SUBJECTS}")
    if missing := [name for name in subjects if name not in names]:
        sys.exit(f"{SUBJECTS} names what is not there: {' '.join(missing)}")
    for header, name in zip(headers, names):
        text = header.read_text(encoding="utf-8")
        # The version's namespace is inline: nobody writes its name.
        lines = re.sub(r"\bsyncopate::inline v\d+_\d+", "syncopate", text).splitlines()
        write(output / "include/syncopate" / name, prepared(lines, subjects[name]))

    pages = {page.name: page for page in PAGES.glob("*.md") if page.name not in NO_PAGES}
    for name, page in pages.items():
        lines = page.read_text(encoding="utf-8").splitlines()
        write(output / "docs" / name, prepared_page(name, lines, pages))


main()

"""The documentation comments of a header, as the house writes them: a sentence, prose, and headings.

    /// One sentence: the effect.
    ///
    /// name:      a parameter.
    /// Returns:   …
    /// Blocks:    …
    /// Throws:    …
    /// Cancel:    …
    /// Threads:   …
    /// Semantics: …
"""

import re

HEADINGS = ("Returns", "Blocks", "Throws", "Cancel", "Threads", "Semantics")

# The texts of all headings begin in one column, and so do the lines that follow.
COLUMN = len("Semantics: ")

# Prose that begins with one of these and a colon is prose.
PROSE = ("Default", "Empty")

_COMMENT = re.compile(r"\s*///(?: (.*)|)$")
_HEADING = re.compile(r"((?:[A-Za-z_]\w*)(?:, [a-z_]\w*)*):( +)(\S.*)")


class Line:
    """kind: "text", "empty", "code", "fence", "heading", or "more" for what goes on under a heading."""

    def __init__(self, kind, text, name=None, aligned=True):
        self.kind = kind
        self.text = text
        self.name = name
        self.aligned = aligned


class Block:
    """A comment of consecutive lines, and the declaration below it."""

    def __init__(self, first, texts, declaration):
        self.first = first  # counted from 0
        self.declaration = declaration
        self.parameters = parameters_of(declaration)
        self.template_parameters = template_parameters_of(declaration)
        self.callback_parameters = callback_parameters_of(declaration)
        self.lines = list(_classify(texts, self.names()))

    def names(self):
        """All that a heading may be about."""
        return self.parameters + self.template_parameters + self.callback_parameters


def blocks_of(source_lines):
    number = 0
    while number < len(source_lines):
        match = _COMMENT.match(source_lines[number])
        if not match:
            number += 1
            continue
        first = number
        texts = []
        while match:
            texts.append(match.group(1) or "")
            number += 1
            match = number < len(source_lines) and _COMMENT.match(source_lines[number])
        yield Block(first, texts, declaration_at(source_lines, number))


def _classify(texts, parameters):
    longest = max((len(match.group(1)) for match in map(_HEADING.match, texts) if match), default=0)
    in_code = False
    under_heading = False
    begins = True  # a paragraph
    for text in texts:
        if text.lstrip().startswith("```"):
            in_code = not in_code
            under_heading = begins = False
            yield Line("fence", text)
        elif in_code:
            yield Line("code", text)
        elif not text.strip():
            under_heading = False
            begins = True
            yield Line("empty", "")
        elif (match := _HEADING.match(text)) and _is_heading(match, begins or under_heading, parameters):
            under_heading = True
            begins = False
            name, spaces, rest = match.groups()
            # Behind a name that is too long for the column stands a space; the others may stand below it.
            width = len(name) + 1 + len(spaces)
            aligned = width in (max(COLUMN, len(name) + len(": ")), max(COLUMN, longest + len(": ")))
            yield Line("heading", rest, name, aligned)
        elif under_heading and text.startswith(" "):
            indent = len(text) - len(text.lstrip())
            yield Line("more", text.strip(), aligned=indent >= COLUMN)
        else:
            begins = under_heading = False
            yield Line("text", text)


def _is_heading(match, begins, parameters):
    name, spaces, _ = match.groups()
    if all(part in parameters for part in name.split(", ")) or name in HEADINGS:
        return True
    in_column = len(spaces) > 1 and len(name) + 1 + len(spaces) == COLUMN
    return in_column or (begins and name not in PROSE)


def declaration_at(source_lines, number):
    """Up to the body, the semicolon or, of an enumerator, the comma."""
    declaration = ""
    depth = 0
    for line in source_lines[number : number + 30]:
        code = line.split("//")[0]
        for position, character in enumerate(code):
            if character in "({[":
                if character == "{" and depth == 0:
                    return declaration + code[:position]
                depth += 1
            elif character in ")}]":
                depth -= 1
            elif character == ";" and depth == 0:
                return declaration + code[:position]
            if depth < 0:
                return declaration + code[:position]
        declaration += code.strip() + " " if not declaration else code.strip() + " "
    return declaration


def _balanced(text, opening, closing):
    """The text between the bracket at its beginning and the one that closes it, and what follows."""
    depth = 0
    for position, character in enumerate(text):
        if character == opening:
            depth += 1
        elif character == closing and text[position - 1] != "-":
            depth -= 1
            if depth == 0:
                return text[1:position], text[position + 1 :]
    return text[1:], ""


def _split(text):
    """At the commas that are in no bracket."""
    parts = [""]
    depth = 0
    for character in text:
        if character in "(<{[":
            depth += 1
        elif character in ")>}]":
            depth -= 1
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _names(text):
    names = []
    for part in _split(text):
        words = re.findall(r"[A-Za-z_]\w*", part.split("=")[0])
        if len(words) > 1:
            names.append(words[-1])
    return names


def _without_templates(declaration):
    lists = []
    rest = declaration.strip()
    while rest.startswith("template"):
        parameters, rest = _balanced(rest[len("template") :].strip(), "<", ">")
        lists.append(parameters)
        rest = rest.strip()
    return lists, rest


def template_parameters_of(declaration):
    lists, _ = _without_templates(declaration)
    return [name for parameters in lists for name in _names(parameters)]


def parameters_of(declaration):
    _, rest = _without_templates(declaration)
    if re.match(r"(using|class|struct|enum|concept|namespace|friend class)\b", rest):
        return []
    if rest.startswith("requires"):
        rest = rest[len("requires") :].strip()
        if rest.startswith("("):
            _, rest = _balanced(rest, "(", ")")
    # operator() has brackets before its parameters.
    rest = rest.replace("operator()", "call")
    start = rest.find("(")
    if start < 0:
        return []
    parameters, _ = _balanced(rest[start:], "(", ")")
    return _names(parameters)


def callback_parameters_of(declaration):
    """Of a parameter that is a function, such as std::function<void(int status)>."""
    return [name for match in re.finditer(r"<[\w:]+\(([^()]*)\)>", declaration) for name in _names(match.group(1))]

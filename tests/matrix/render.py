#!/usr/bin/env python3
"""What tests/matrix.sh writes.

  render.py tools                                 what a preprocessor made of names of versions, in words
  render.py row TABLE PAGE README NAME TOOLS COMPILER PARTS EMULATOR RESULT VERSION
                                                  puts one result into the page, and README's table in order
  render.py readme TABLE PAGE README              writes README's table anew
  render.py check TABLE PAGE README               fails where README's table is not that of the page
"""
import datetime
import pathlib
import re
import sys

HEAD = """# Compilers, libraries and processors

`tests/matrix.sh NAME…` has written this page. It compiles and runs, in a root of its own: *core*, every way into the core once;
*http*, those into `syncopate::http`, against a server in the program; *unit* and *http-unit*, some of their tests. Both of the
former with all warnings as errors. A row keeps its result, with its date and version, until it is run again.
`tests/matrix/rows.txt` says what each is.

| row | compiler and libraries | options | ran | result | on | version |
| --- | --- | --- | --- | --- | --- | --- |
"""
BEGIN = "<!-- of docs/results/matrix.md, by tests/matrix.sh -->\n"
END = "<!-- /of docs/results/matrix.md -->\n"
COLUMNS = ("name", "tools", "options", "ran", "result", "date", "version")


def tools(text):
    """"gcc 14 2" and the like, of compilers that do not have the name a word that is none."""
    found = {line.split()[0]: line.split()[1:] for line in text.splitlines() if re.match(r"\w+ [\d\"]", line)}
    clang = found.get("clang", ["__"])
    compiler = "Clang" if clang[0].isdigit() else "GCC"
    version = ".".join(clang if compiler == "Clang" else found["gcc"])
    words = [f"{compiler} {version}"]
    if "library" in found:
        words.append(f"libc++ {int(found['library'][0]) // 10000}")
    if "boost" in found:
        words.append("Boost " + found["boost"][0].strip('"').replace("_", "."))
    if "asio" in found:
        number = int(found["asio"][0])
        words.append(f"Asio {number // 100000}.{number // 100 % 1000}.{number % 100}")
    return ", ".join(words)


def order(table):
    return re.findall(r"^([a-z0-9-]+/[^ |]+)", pathlib.Path(table).read_text(), re.MULTILINE)


def read(page):
    path = pathlib.Path(page)
    rows = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if "/" in cells[0] and len(cells) == len(COLUMNS):
            rows[cells[0]] = dict(zip(COLUMNS, cells))
    return rows


def summary(rows):
    """One line for each system, of the rows that passed."""
    lines = ["| tested on | compilers | Asio | also | each since |", "| --- | --- | --- | --- | --- |"]
    roots = {}
    for row in rows:
        if row["result"] == "ok":
            roots.setdefault(row["name"].split("/")[0], []).append(row)
    for root, passed in roots.items():
        compilers, asio, also = [], [], []
        for row in passed:
            *compiler, its_asio = row["tools"].split(", ")
            compiler = " with ".join(compiler)
            if compiler in compilers:
                also.append(row["name"].split("/")[1].removeprefix("gcc-"))
            else:
                compilers.append(compiler)
            if its_asio not in asio:
                asio.append(its_asio)
        system = "Debian " + root.removeprefix("debian-")
        dates = min(row["date"] for row in passed)
        lines.append(f"| {system} | {', '.join(compilers)} | {', '.join(asio)} | {', '.join(also)} | {dates} |")
    return "\n".join(lines) + "\n"


def readme_with(text, rows):
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    return text[:begin] + summary(rows) + text[end:]


def in_order(table, rows):
    return [rows[name] for name in order(table) if name in rows]


def write_readme(table, page, readme):
    path = pathlib.Path(readme)
    path.write_text(readme_with(path.read_text(), in_order(table, read(page))))


def add_row(table, page, readme, name, its_tools, compiler, parts, emulator, result, version):
    rows = read(page)
    options = " ".join(compiler.split()[1:])
    ran = ", ".join(parts.split()) + (f", under {emulator}" if emulator else "")
    values = (name, its_tools, options, ran, result.replace("|", "/"), datetime.date.today().isoformat(), version)
    rows[name] = dict(zip(COLUMNS, values))
    body = "".join("| " + " | ".join(row.values()) + " |\n" for row in in_order(table, rows))
    pathlib.Path(page).write_text(HEAD + body)
    write_readme(table, page, readme)


def check(table, page, readme):
    text = pathlib.Path(readme).read_text()
    if readme_with(text, in_order(table, read(page))) != text:
        sys.exit(f"{readme}: the table of what was tested is not that of {page}")


if sys.argv[1] == "tools":
    print(tools(sys.stdin.read()))
elif sys.argv[1] == "row":
    add_row(*sys.argv[2:])
elif sys.argv[1] == "readme":
    write_readme(*sys.argv[2:])
else:
    check(*sys.argv[2:])

#!/usr/bin/env python3
"""Checks the C++ blocks of a page: every one is compiled, and what a program prints is compared.

  check.py --settings FILE --work FOLDER PAGE      checks a page
  check.py --settings FILE --work FOLDER           only parses the header that the pages share

SETTINGS is written by CMake, a line "name=value" for each: see CMakeLists.txt.

What a block is:

- A ```cpp block with a main() is a program. Where a ```text block follows at once, it is compiled as a reader
  would, and run, and has to print that text; without one it is only compiled, and a page has one such at most.
  "<!-- arguments: {site}/hello -->" before it gives it arguments: see server.py.
- Any other is a fragment. One that begins the definition of a function or a class at the left margin stands
  in a namespace, and any other inside a coroutine; the names it uses are those of preamble.hpp, or of
  preamble_NAME.hpp with a "<!-- preamble: NAME -->" anywhere on the page. The fragments of a page are compiled
  together, and no further than they have to be to find errors.
- "<!-- wrong: MESSAGE -->" before a block: it must not compile, and the compiler must say MESSAGE, a regular
  expression. "<!-- wrong at run time -->": it compiles, and readers should not do so.

Comments stand on a line of their own; only blank lines may be between them and their block.
"""

import argparse
import difflib
import hashlib
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent

MAIN = re.compile(r"^int main\(", re.MULTILINE)
# At the left margin, "struct Name", or "Type name(parameters) {" with nothing of a statement in it.
DEFINITION = re.compile(
    r"^(?:(?:template|class|struct|enum|namespace)\b"
    r"|(?=\w)(?!(?:for|if|while|switch|else|return|co_\w+|throw|catch)\b)[\w:<>&*, ]+[ &*]\w+\([^=\[\]\n]*\)(?: const| noexcept)* \{)",
    re.MULTILINE,
)


FIRST_INCLUDE = re.compile(r"^#include <syncopate/([^>]+)>", re.MULTILINE)
# Fragments leave names unused, and hide those of the preamble.
LENIENT = ["-Wno-unused", "-Wunused-result", "-Wno-shadow"]


@dataclass
class Block:
    line: int  # of its first line of code
    code: str
    arguments: list[str] | None = None
    wrong: str | None = None
    output: str | None = None

    @property
    def is_program(self) -> bool:
        return bool(MAIN.search(self.code))


@dataclass
class Page:
    path: Path
    name: str
    preamble: str = "preamble.hpp"
    blocks: list[Block] = field(default_factory=list)


class Failure(Exception):
    pass


def read_page(path: Path, name: str) -> Page:
    page = Page(path, name)
    marks: dict[str, str] = {}
    block: Block | None = None  # the one above, while only blank lines have come since
    lines = iter(enumerate(path.read_text().splitlines(), 1))
    for number, line in lines:
        if comment := re.fullmatch(r"<!-- ([a-z ]+?)(?:: (.*))? -->", line):
            mark, value = comment[1], comment[2] or ""
            if mark == "preamble":
                page.preamble = f"preamble_{value}.hpp"
            elif mark in ("arguments", "wrong", "wrong at run time"):
                marks[mark] = value
        elif fence := re.fullmatch(r"(\s*)```(\w*)", line):
            code = []
            for _, inside in lines:
                if inside.strip() == "```":
                    break
                code.append(inside)
            else:
                raise Failure(f"{name}:{number}: this block has no end")
            text = "\n".join(code) + "\n"
            if fence[2] == "text" and block and block.is_program:
                block.output = text
            elif fence[2] == "cpp":
                block = Block(number + 1, text, wrong=marks.get("wrong"))
                if "arguments" in marks:
                    block.arguments = shlex.split(marks["arguments"])
                page.blocks.append(block)
                marks = {}
                continue
            block, marks = None, {}
        elif line.strip():
            if marks:
                raise Failure(f"{name}:{number}: the comment above belongs to a block, which does not follow")
            block = None
    return page


class Compiler:
    def __init__(self, settings: dict[str, str], work: Path) -> None:
        self.settings = settings
        self.work = work
        self.shared = work.parent / "shared"
        self.command = [settings["compiler"], *shlex.split(settings["flags"])]
        # GCC gives this one for what does not stand in the file that it compiles, and #line makes it so.
        self.command += ["-Wno-subobject-linkage", "-Wno-unknown-warning-option"]
        self.command += [f"-I{settings['include']}"]
        for folder in settings["system_includes"].split(";"):
            # Naming this one reorders the standard library's own search.
            if folder and folder != "/usr/include":
                self.command += ["-isystem", folder]

    def run(self, *arguments: str | Path) -> tuple[bool, str]:
        command = [*self.command, *map(str, arguments)]
        result = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
        )
        return result.returncode == 0, result.stdout + result.stderr

    def compile(self, source: Path, *arguments: str | Path) -> tuple[bool, str]:
        """With a header that is parsed already, where the source includes it, or a header of http, first of all.

        A header of http that a page forgets is missed by GCC only.
        """
        first = FIRST_INCLUDE.search(source.read_text())
        parsed = self.shared / ("http.hpp" if first and first[1].startswith("http") else "syncopate.hpp")
        if first and (parsed.name == first[1] or parsed.name == "http.hpp") and self.parsed(parsed).exists():
            compiled, report = self.run("-include", parsed, source, *arguments)
            # GCC 12 fails on some of what it takes from there; of http.hpp, on most.
            if "internal compiler error" not in report:
                return compiled, report
        return self.run(source, *arguments)

    def parse_flags(self) -> list[str]:
        """Templates are instantiated here, and not in each file that takes them from there."""
        return ["-fpch-instantiate-templates"] if "Clang" in self.settings["compiler_id"] else []

    @staticmethod
    def parsed(header: Path) -> Path:
        return header.with_name(header.name + ".gch")

    def share(self) -> None:
        """Parses the umbrella headers once for all pages."""
        self.shared.mkdir(parents=True, exist_ok=True)
        stamp = self.shared / "command"
        command = shlex.join(self.command)
        headers = {"syncopate.hpp": ["syncopate.hpp"]}
        if self.settings["http"] == "1" and self.settings["compiler_id"] != "GNU":
            headers["http.hpp"] = ["http.hpp", "http/websocket.hpp"]
        paths = [self.shared / name for name in headers]
        newest = max(each.stat().st_mtime for each in Path(self.settings["include"]).rglob("*.hpp"))
        if (
            stamp.exists()
            and stamp.read_text() == command
            and all(self.parsed(path).exists() and self.parsed(path).stat().st_mtime > newest for path in paths)
        ):
            return
        for old in self.shared.glob("*.gch"):
            old.unlink()  # perhaps another compiler's
        for path in paths:
            path.write_text("".join(f"#include <syncopate/{each}>\n" for each in headers[path.name]))
            compiled, report = self.run(*self.parse_flags(), "-x", "c++-header", path, "-o", self.parsed(path))
            if not compiled:
                raise Failure(report + f"<syncopate/{path.name}> does not compile")
        stamp.write_text(command)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def with_line(page: Page, block: Block) -> str:
    return f'#line {block.line} "{page.name}"\n{block.code}'


def require_compiled(page: Page, line: int, compiled: bool, report: str) -> None:
    if not compiled:
        errors = re.findall(rf"^(?:after )?{re.escape(page.name)}:.* error: .*$", report, re.MULTILINE)
        raise Failure("\n".join([report, f"{page.name}:{line}: this does not compile:", *errors]))


def check_program(page: Page, block: Block, compiler: Compiler) -> None:
    source = write(compiler.work / f"line_{block.line}.cpp", with_line(page, block))
    program = source.with_suffix("")
    libraries = shlex.split(compiler.settings["libraries"].replace(";", " "))
    require_compiled(page, block.line, *compiler.compile(source, "-o", program, *libraries))
    check_output(page, block, program)


def check_unrun(page: Page, blocks: list[Block], compiler: Compiler) -> None:
    """Programs come first, so that they have no headers but their own."""
    programs = "".join(with_line(page, block) for block in blocks if block.is_program)
    fragments = [block for block in blocks if not block.is_program]
    text = programs + (with_preamble(page, fragments) if fragments else "")
    source = write(compiler.work / "unrun.cpp", text)
    require_compiled(page, blocks[0].line, *compiler.compile(source, "-fsyntax-only", *LENIENT))


def check_output(page: Page, block: Block, program: Path) -> None:
    at = f"{page.name}:{block.line}: this program"
    if block.arguments is None:
        result = subprocess.run([program], capture_output=True, text=True, timeout=60, check=False)
    else:
        from server import Server

        with Server() as server:
            arguments = [each.format(**server.addresses()) for each in block.arguments]
            result = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)
    if result.returncode != 0:
        raise Failure(f"{result.stdout}{result.stderr}\n{at} ends with status {result.returncode}")
    # Editors take away the blanks at the end of a line, and readers do not see them.
    expected, printed = ([line.rstrip() for line in text.splitlines()] for text in (block.output, result.stdout))
    if printed != expected:
        differences = "".join(f"{line}\n" for line in difflib.ndiff(expected, printed))
        raise Failure(differences + f"{at} prints something else ('-': on the page, '+': printed)")


def fragment_source(page: Page, block: Block) -> str:
    if DEFINITION.search(block.code):
        return f"namespace line_{block.line} {{\n{with_line(page, block)}}}\n"
    # GCC takes the lines behind the block for its continuation: name another place for them.
    return (
        f"boost::asio::awaitable<void> line_{block.line}() {{\n{with_line(page, block)}"
        f'#line 1 "after {page.name}:{block.line}"\nco_return; }}\n'
    )


def with_preamble(page: Page, fragments: list[Block]) -> str:
    preamble = (HERE / page.preamble).read_text()
    return preamble + "".join(fragment_source(page, block) for block in fragments)


def check_wrong(page: Page, block: Block, compiler: Compiler) -> None:
    text = with_line(page, block) if block.is_program else with_preamble(page, [block])
    source = write(compiler.work / f"wrong_{block.line}.cpp", text)
    compiled, report = compiler.compile(source, "-fsyntax-only", *LENIENT)
    if compiled:
        raise Failure(f"{page.name}:{block.line}: this block is marked as wrong, and compiles")
    if not re.search(block.wrong, report):
        raise Failure(report + f'{page.name}:{block.line}: the compiler does not say "{block.wrong}"')


def check_page(page: Page, compiler: Compiler) -> None:
    unrun = []
    checks = []
    for block in page.blocks:
        if block.wrong is not None:
            checks.append(lambda each=block: check_wrong(page, each, compiler))
        elif block.output is not None:
            checks.append(lambda each=block: check_program(page, each, compiler))
        else:
            unrun.append(block)
    if unrun:
        checks.append(lambda: check_unrun(page, unrun, compiler))
    failures = []
    for check in checks:
        try:
            check()
        except Failure as failure:
            failures.append(str(failure))
    if failures:
        raise Failure("\n".join(failures))


def read_settings(path: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)


def fingerprint(page: Page, compiler: Compiler) -> str:
    """Of all that a page's result depends on: what has passed once need not be compiled again."""
    digest = hashlib.sha256(shlex.join(compiler.command).encode())
    include = Path(compiler.settings["include"])
    for path in [page.path, *sorted(include.rglob("*.hpp")), *sorted(HERE.glob("*.*"))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("page", type=Path, nargs="?")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    settings = read_settings(options.settings)
    compiler = Compiler(settings, options.work)
    try:
        if options.page is None:
            compiler.share()
            return
        path = options.page.resolve()
        root = Path(settings["include"]).parent
        page = read_page(path, str(path.relative_to(root) if path.is_relative_to(root) else path.name))
        passed = options.work / "passed"
        now = fingerprint(page, compiler)
        if passed.exists() and passed.read_text() == now:
            print(f"{page.name}: {len(page.blocks)} blocks, unchanged since they passed")
            return
        check_page(page, compiler)
        passed.write_text(now)
        print(f"{page.name}: {len(page.blocks)} blocks")
    except Failure as failure:
        sys.exit(str(failure))


if __name__ == "__main__":
    main()

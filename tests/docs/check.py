#!/usr/bin/env python3
"""Checks the C++ blocks of a page: every one is compiled, and what a program prints is compared.

  check.py --settings FILE --work FOLDER PAGE      checks a page
  check.py --settings FILE --work FOLDER           only compiles the headers that the pages share

SETTINGS is written by CMake, a line "name=value" for each: see CMakeLists.txt.

What a block is:

- A ```cpp block with a main() is a program. Compiled by itself, as a reader would; where a ```text block
  follows at once, it is linked and run, too, and has to print that text. "<!-- arguments: {site}/hello -->" before it gives it arguments: see server.py.
- Any other is a fragment. One that begins the definition of a function or a class at the left margin stands
  in a namespace, and any other inside a coroutine; the names it uses are those of preamble.hpp, or of the
  preamble_NAME.hpp that the last "<!-- preamble: NAME -->" of the page names.
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


# Fragments leave things unused, and hide names of the preamble.
LENIENT = ["-Wno-unused", "-Wno-shadow"]


@dataclass
class Block:
    line: int  # of its first line of code
    code: str
    arguments: list[str] | None = None
    wrong: str | None = None
    preamble: str = ""
    output: str | None = None

    @property
    def is_program(self) -> bool:
        return bool(MAIN.search(self.code))


@dataclass
class Page:
    path: Path
    name: str
    blocks: list[Block] = field(default_factory=list)


class Failure(Exception):
    pass


def read_page(path: Path, name: str) -> Page:
    page = Page(path, name)
    marks: dict[str, str] = {}
    preamble = ""
    block: Block | None = None  # the one above, while only blank lines have come since
    lines = iter(enumerate(path.read_text().splitlines(), 1))
    for number, line in lines:
        if comment := re.fullmatch(r"<!-- ([a-z ]+?)(?:: (.*))? -->", line):
            mark, value = comment[1], comment[2] or ""
            if mark == "preamble":
                preamble = value
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
                block = Block(number + 1, text, preamble=preamble, wrong=marks.get("wrong"))
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

    def shared(self, name: str) -> list[str]:
        """The option that takes a header, parsed already, for what includes it."""
        header = self.work.parent / "shared" / f"{name}.hpp"
        return ["-include", str(header)] if header.with_suffix(".hpp.gch").exists() else []

    def share(self) -> None:
        """Parses the umbrella headers once for all pages."""
        folder = self.work.parent / "shared"
        folder.mkdir(parents=True, exist_ok=True)
        headers = ["syncopate"] + (["http"] if self.settings["has_http"] == "1" else [])
        newest = max(each.stat().st_mtime for each in Path(self.settings["include"]).rglob("*.hpp"))
        for name in headers:
            header, parsed = folder / f"{name}.hpp", folder / f"{name}.hpp.gch"
            stamp = folder / f"{name}.command"
            command = shlex.join(self.command)
            if parsed.exists() and parsed.stat().st_mtime > newest and stamp.read_text() == command:
                continue
            header.write_text(f"#include <syncopate/{name}.hpp>\n")
            compiled, report = self.run("-x", "c++-header", header, "-o", parsed)
            if not compiled:
                raise Failure(report + f"<syncopate/{name}.hpp> does not compile")
            stamp.write_text(command)

    def shared_for(self, code: str) -> list[str]:
        """Only what the code includes by itself."""
        for name in ("http", "syncopate"):
            if f"#include <syncopate/{name}.hpp>" in code:
                return self.shared(name)
        return []


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def check_program(page: Page, block: Block, compiler: Compiler) -> None:
    source = write(compiler.work / f"line_{block.line}.cpp", f'#line {block.line} "{page.name}"\n{block.code}')
    shared = compiler.shared_for(block.code)
    if block.output is None:
        compiled, report = compiler.run(*shared, "-fsyntax-only", source)
    else:
        program = source.with_suffix("")
        libraries = shlex.split(compiler.settings["libraries"].replace(";", " "))
        compiled, report = compiler.run(*shared, source, "-o", program, *libraries)
    if not compiled:
        raise Failure(report + f"{page.name}:{block.line}: this program does not compile")
    if block.output is not None:
        check_output(page, block, program)


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
    line = f'#line {block.line} "{page.name}"\n'
    if DEFINITION.search(block.code):
        return f"namespace line_{block.line} {{\n{line}{block.code}}}\n"
    # GCC takes the lines behind the block for its continuation: name another place for them.
    return (
        f"boost::asio::awaitable<void> line_{block.line}() {{\n{line}{block.code}"
        f'#line 1 "after {page.name}:{block.line}"\nco_return; }}\n'
    )


def with_preamble(preamble: str, fragments: list[str]) -> str:
    name = f"preamble_{preamble}.hpp" if preamble else "preamble.hpp"
    return f'#include "{HERE / name}"\n' + "".join(fragments)


def preamble_includes(preamble: str) -> str:
    name = f"preamble_{preamble}.hpp" if preamble else "preamble.hpp"
    return (HERE / name).read_text()


def check_fragments(page: Page, blocks: list[Block], compiler: Compiler) -> None:
    """All of one preamble at once."""
    preamble = blocks[0].preamble
    text = with_preamble(preamble, [fragment_source(page, block) for block in blocks])
    source = write(compiler.work / f"fragments_{blocks[0].line}.cpp", text)
    shared = compiler.shared_for(preamble_includes(preamble))
    compiled, report = compiler.run(*shared, "-fsyntax-only", *LENIENT, source)
    if not compiled:
        errors = re.findall(rf"^(?:after )?{re.escape(page.name)}:.* error: .*$", report, re.MULTILINE)
        raise Failure("\n".join([report, f"{page.name}: these fragments do not compile:", *errors]))


def check_wrong(page: Page, block: Block, compiler: Compiler) -> None:
    source = compiler.work / f"wrong_{block.line}.cpp"
    if block.is_program:
        write(source, f'#line {block.line} "{page.name}"\n{block.code}')
        shared = compiler.shared_for(block.code)
    else:
        write(source, with_preamble(block.preamble, [fragment_source(page, block)]))
        shared = compiler.shared_for(preamble_includes(block.preamble))
    compiled, report = compiler.run(*shared, "-fsyntax-only", *LENIENT, source)
    if compiled:
        raise Failure(f"{page.name}:{block.line}: this block is marked as wrong, and compiles")
    if not re.search(block.wrong, report):
        raise Failure(report + f'{page.name}:{block.line}: the compiler does not say "{block.wrong}"')


def check_page(page: Page, compiler: Compiler) -> None:
    fragments: dict[str, list[Block]] = {}
    failures = []
    for block in page.blocks:
        try:
            if block.wrong is not None:
                check_wrong(page, block, compiler)
            elif block.is_program:
                check_program(page, block, compiler)
            else:
                fragments.setdefault(block.preamble, []).append(block)
        except Failure as failure:
            failures.append(str(failure))
    for blocks in fragments.values():
        try:
            check_fragments(page, blocks, compiler)
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

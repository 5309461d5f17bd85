"""Reads the files of the Bazel module, which are close enough to Python, and looks whether their globs have every header.

    bazel.py RECIPES REPOSITORY VERSION
"""

import pathlib
import sys

recipes, repository, version = sys.argv[1:]
repository = pathlib.Path(repository)


def matching(patterns):
    return {path for pattern in patterns for path in repository.glob(pattern + "/*" if pattern.endswith("**") else pattern) if path.is_file()}


def glob(include, exclude=()):
    found = matching(include) - matching(exclude)
    assert found, include
    return [str(path.relative_to(repository)) for path in found]


def evaluate(name, functions):
    exec(compile((pathlib.Path(recipes) / name).read_text(), name, "exec"), functions)


modules = []
dependencies = set()
evaluate(
    "MODULE.bazel",
    {
        "module": lambda **arguments: modules.append((arguments["name"], arguments["version"])),
        "bazel_dep": lambda name, version: dependencies.add(name),
    },
)
assert modules == [("syncopate", version)]

libraries = {}
evaluate(
    "BUILD.bazel",
    {
        "load": lambda file, *names: None,
        "package": lambda default_visibility: None,
        "glob": glob,
        "cc_library": lambda name, **arguments: libraries.update({name: arguments}),
    },
)
for library in libraries.values():
    for name in library["deps"]:
        assert name[1:] in libraries or name[1:].split("//")[0] in dependencies, name

headers = {str(path.relative_to(repository)) for path in repository.glob("include/**/*.?pp")}
core = set(libraries["syncopate"]["hdrs"])
http = set(libraries["http"]["hdrs"])
assert core | http == headers and not core & http
assert all("/http" in name for name in http)

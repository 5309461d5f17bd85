"""The recipes have this version, each part that CMake's options turn on or off, and what the headers include of Boost.

    parts.py RECIPES REPOSITORY VERSION
"""

import json
import pathlib
import re
import sys

recipes, repository = map(pathlib.Path, sys.argv[1:3])
version = sys.argv[3]
problems = []


def read(path):
    return path.read_text(encoding="utf-8")


def same(what, found, wanted):
    if set(found) != set(wanted):
        problems.append(f"{what}: {sorted(found)}, and should be {sorted(wanted)}")


def has(what, found, wanted):
    if not set(wanted) <= set(found):
        problems.append(f"{what}: {sorted(found)}, which lacks {sorted(set(wanted) - set(found))}")


options = read(repository / "cmake/options.cmake")
parts = {name.lower() for name in re.findall(r"set\(SYNCOPATE_(\w+) AUTO CACHE", options)}
targets = parts - {"libpsl"}  # that one is a part of http
assert "http" in targets
# What depends on where the library is built, and what would be found or not.
switches = re.findall(r'option\((SYNCOPATE_\w+) "[^"]*" "\$\{', options)
assert "SYNCOPATE_INSTALL" in switches


def part_of(header):
    for part in targets:
        if re.match(rf"({part}(_pool)?\.hpp|(impl|detail)/{part}|{part}/)", header):
            return part
    return "cobalt" if header == "cobalt.hpp" else ""


boost = {part: set() for part in {"", "cobalt", *targets}}
for path in repository.glob("include/syncopate/**/*.?pp"):
    text = read(path)
    libraries = set(re.findall(r"#\s*include <boost/(\w+)", text)) - {"version"}
    if "SYNCOPATE_ASIO(" in text:
        libraries.add("asio")
    if "archive" in libraries:
        libraries = libraries - {"archive"} | {"serialization"}
    boost[part_of(path.relative_to(repository / "include/syncopate").as_posix())] |= libraries
assert "serialization" in boost["process"] and "context" in boost["fiber"]
same("What the core includes of Boost", boost[""], {"asio", "system"})


def boost_of(names, prefix, part):
    has(
        f"{prefix}… of {part or 'the core'}",
        {name.removeprefix(prefix).replace("-", "_") for name in names if name.startswith(prefix)},
        boost[part] - (boost[""] if part else set()),
    )


# vcpkg
manifest = json.loads(read(recipes / "vcpkg/syncopate/vcpkg.json"))
port = read(recipes / "vcpkg/syncopate/portfile.cmake")


def names(dependencies):
    return [each if isinstance(each, str) else each["name"] for each in dependencies]


same("The version of vcpkg.json", [manifest["version"]], [version])
same("The features of vcpkg.json", manifest["features"], parts)
boost_of(names(manifest["dependencies"]), "boost-", "")
for part in targets:
    boost_of(names(manifest["features"].get(part, {"dependencies": []})["dependencies"]), "boost-", part)
has("The feature http", names(manifest["features"]["http"]["dependencies"]), ["openssl", "zlib"])
has("The feature libpsl", names(manifest["features"]["libpsl"]["dependencies"]), ["libpsl", "syncopate"])
same("The features of portfile.cmake", re.findall(r"\b([a-z]+) SYNCOPATE_[A-Z]+\b", port), parts)
has("The features of portfile.cmake", re.findall(r"\b[a-z]+ SYNCOPATE_[A-Z]+\b", port), [f"{part} SYNCOPATE_{part.upper()}" for part in parts])
same("The options of portfile.cmake", re.findall(r"-D(SYNCOPATE_\w+)=", port), switches)

# Conan; conan.py calls it.
recipe = read(recipes / "conan/conanfile.py")
same("The version of conanfile.py", re.findall(r'version = "(.*)"', recipe), [version])
listed = re.search(r"options = \{f\"with_\{part\}\".*? in \((.*?)\)\}", recipe)
same("The options of conanfile.py", re.findall(r'"(\w+)"', listed.group(1)), parts)
same("The defaults of conanfile.py", re.findall(r'"with_(\w+)": (?:True|False)', recipe), parts)

# Meson and pkg-config
packages = {"syncopate", *(f"syncopate-{part}" for part in targets)}
build = read(recipes / "meson/packagefiles/syncopate/meson.build")
wrap = read(recipes / "meson/syncopate.wrap")
same("The version of meson.build", re.findall(r", version: '(.*?)', license", build), [version])
same("What meson.build gives", re.findall(r"override_dependency\('(.*?)'", build), packages)
same("What syncopate.wrap gives", re.search("dependency_names = (.*)", wrap).group(1).split(", "), packages)
same("The files for pkg-config", [path.name.removesuffix(".pc.in") for path in (repository / "cmake/packaging/pkgconfig").glob("*.in")], packages)
# Of Boost, these are more than headers.
same("Boost's libraries of meson.build", re.findall(r"modules: \['(\w+)'\]", build), ["json", "context", "serialization"])

# Bazel; bazel.py evaluates it.
build = read(recipes / "bazel/BUILD.bazel")
libraries = dict(re.findall(r'^cc_library\(\n    name = "(\w+)",(.*?)^\)', build, re.MULTILINE | re.DOTALL))
same("The version of MODULE.bazel", re.findall(r'    version = "(.*)"', read(recipes / "bazel/MODULE.bazel")), [version])
same("The libraries of BUILD.bazel", libraries, {"syncopate", *targets})
for name, text in libraries.items():
    boost_of(re.findall(r'"@(boost\.\w+)"', text), "boost.", "" if name == "syncopate" else name)

if problems:
    sys.exit("\n".join(problems))

"""Calls the methods of the Conan recipe in the order in which Conan does, with stand-ins for its modules.

    conan.py RECIPES REPOSITORY VERSION
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import types
from collections import defaultdict


class Anything:
    """Takes any attribute and any call."""

    def __init__(self):
        self.properties = {}
        self.requires = []

    def set_property(self, name, value):
        self.properties[name] = value

    def clear(self):
        pass


class ConanFile:
    def __init__(self, folder):
        self.options = types.SimpleNamespace(**self.default_options)
        self.settings = types.SimpleNamespace(os="Linux")
        self.info = types.SimpleNamespace(settings=Anything())
        self.cpp_info = types.SimpleNamespace(components=defaultdict(Anything))
        self.source_folder = str(folder / "source")
        self.package_folder = str(folder / "package")
        self.required = []

    def requires(self, reference, **traits):
        self.required.append(reference)


class Git:
    def __init__(self, conanfile):
        self.folder = pathlib.Path(conanfile.source_folder)
        self.folder.mkdir()

    def run(self, *arguments):
        subprocess.run(["git", "-C", self.folder, *arguments], check=True)

    def clone(self, url, target):
        self.run("clone", "-q", url, target)

    def checkout(self, revision):
        self.run("checkout", "-q", revision)


def copy(_conanfile, pattern, source, destination):
    for file in pathlib.Path(source).rglob(pattern):
        target = pathlib.Path(destination) / file.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)


def stand_in(name, **members):
    module = types.ModuleType(name)
    vars(module).update(members)
    sys.modules[name] = module


stand_in("conan", ConanFile=ConanFile)
stand_in("conan.errors", ConanInvalidConfiguration=ValueError)
stand_in("conan.tools")
stand_in("conan.tools.build", check_min_cppstd=lambda conanfile, standard: None)
stand_in("conan.tools.files", copy=copy)
stand_in("conan.tools.layout", basic_layout=lambda conanfile, src_folder: None)
stand_in("conan.tools.scm", Git=Git)

recipes, repository, version = sys.argv[1:]
recipe = types.ModuleType("conanfile")
exec(compile((pathlib.Path(recipes) / "conanfile.py").read_text(), "conanfile.py", "exec"), vars(recipe))


def create(conanfile):
    conanfile.layout()
    conanfile.requirements()
    conanfile.validate()
    conanfile.source()
    conanfile.package()
    conanfile.package_id()
    conanfile.package_info()

    headers = {path.relative_to(repository) for path in pathlib.Path(repository).rglob("include/**/*.?pp")}
    packaged = {path.relative_to(conanfile.package_folder) for path in pathlib.Path(conanfile.package_folder).rglob("*.?pp")}
    assert headers and headers == packaged
    assert (pathlib.Path(conanfile.package_folder) / "licenses/LICENSE").exists()

    required = {reference.split("/")[0] for reference in conanfile.required}
    components = conanfile.cpp_info.components
    for component in components.values():
        for name in component.requires:
            assert name in components or name.split("::")[0] in required, name
    return {component.properties["cmake_target_name"].removeprefix("syncopate::") for component in components.values()}


for choices, targets in (
    ({}, {"syncopate", "http"}),
    ({"with_http": False}, {"syncopate"}),
    ({"with_libpsl": True, "with_fiber": True, "with_process": True}, {"syncopate", "http", "fiber", "process"}),
):
    with tempfile.TemporaryDirectory() as folder:
        conanfile = recipe.SyncopateConan(pathlib.Path(folder))
        assert conanfile.version == version
        assert choices.keys() <= conanfile.options.__dict__.keys()
        vars(conanfile.options).update(choices)
        assert create(conanfile) == targets

with tempfile.TemporaryDirectory() as folder:
    conanfile = recipe.SyncopateConan(pathlib.Path(folder))
    conanfile.options.with_process = True
    conanfile.settings.os = "Windows"
    try:
        conanfile.validate()
        raise AssertionError("Processes are offered where there are none.")
    except ValueError:
        pass

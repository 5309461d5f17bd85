# Fills in the recipes of this folder for one address and one revision.
#
#   cmake -D ADDRESS=https://example.org/syncopate.git -D REVISION=v0.1.0 -D OUTPUT=recipes -P cmake/packaging/write.cmake
cmake_minimum_required(VERSION 3.22)

foreach(name IN ITEMS ADDRESS REVISION OUTPUT)
    if("${${name}}" STREQUAL "")
        message(FATAL_ERROR "write.cmake needs -D ${name}=…, before -P")
    endif()
endforeach()

include("${CMAKE_CURRENT_LIST_DIR}/../version.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/../boost-minimum.cmake")
cmake_path(ABSOLUTE_PATH OUTPUT)

function(fill_in template file)
    configure_file("${CMAKE_CURRENT_FUNCTION_LIST_DIR}/${template}" "${OUTPUT}/${file}" @ONLY)
endfunction()

fill_in(vcpkg/vcpkg.json.in vcpkg/syncopate/vcpkg.json)
fill_in(vcpkg/portfile.cmake.in vcpkg/syncopate/portfile.cmake)
fill_in(vcpkg/usage.in vcpkg/syncopate/usage)
fill_in(conan/conanfile.py.in conan/conanfile.py)
fill_in(meson/syncopate.wrap.in meson/syncopate.wrap)
fill_in(meson/meson.build.in meson/packagefiles/syncopate/meson.build)
fill_in(bazel/MODULE.bazel.in bazel/MODULE.bazel)
fill_in(bazel/BUILD.bazel.in bazel/BUILD.bazel)

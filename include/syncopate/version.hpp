// SYNCOPATE_VERSION_MAJOR, MINOR, PATCH: the library's version. CMake reads it from here.
#pragma once

/// The first number of the version.
#define SYNCOPATE_VERSION_MAJOR 0
/// The second one.
#define SYNCOPATE_VERSION_MINOR 1
/// The third one.
#define SYNCOPATE_VERSION_PATCH 0

// The library's version, and the only place where it stands: CMake reads it from here.
#pragma once

#define SYNCOPATE_VERSION_MAJOR 0
#define SYNCOPATE_VERSION_MINOR 1
#define SYNCOPATE_VERSION_PATCH 0

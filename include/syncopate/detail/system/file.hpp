// system::File, FileStatus: files as the system has them, by its own file: opened so that no child process inherits
// them, written at a place, flushed, locked, and put in another one's place.
#pragma once

#if defined(_WIN32)
#include <syncopate/detail/system/file_windows.hpp>
#else
#include <syncopate/detail/system/file_posix.hpp>
#endif

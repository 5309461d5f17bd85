// system::File, FileStatus, replace_file(), remove_file(): files, as each operating system has them. No process that is
// started inherits an open one.
#pragma once

#if defined(_WIN32)
#include <syncopate/detail/system/file_windows.hpp>
#else
#include <syncopate/detail/system/file_posix.hpp>
#endif

// WatchedDescriptor: what a loop waits for to hear of Ctrl-C. Each operating system has its own.
#pragma once

#if defined(_WIN32)
#include <syncopate/detail/threads/watched_descriptor_windows.hpp>
#else
#include <syncopate/detail/threads/watched_descriptor_posix.hpp>
#endif

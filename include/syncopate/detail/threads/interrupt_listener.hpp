// InterruptListener: is told of Ctrl-C. Each operating system has its own.
#pragma once

#if defined(_WIN32)
#include <syncopate/detail/threads/interrupts_windows.hpp>
#else
#include <syncopate/detail/threads/interrupts_posix.hpp>
#endif

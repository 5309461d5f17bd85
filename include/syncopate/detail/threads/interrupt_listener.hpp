// InterruptListener: is told of Ctrl-C. DescriptorAlarm: has a loop told of it. Each operating system has its own.
#pragma once

#if defined(_WIN32)
#include <syncopate/detail/threads/interrupts_windows.hpp>
#else
#include <syncopate/detail/threads/descriptor_alarm_posix.hpp>
#include <syncopate/detail/threads/interrupts_posix.hpp>
#endif

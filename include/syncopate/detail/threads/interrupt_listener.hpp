// InterruptListener, DescriptorAlarm: what Ctrl-C does to those who listen, by the system's file.
#pragma once

#if defined(_WIN32)
#include <syncopate/detail/threads/interrupts_windows.hpp>
#else
#include <syncopate/detail/threads/descriptor_alarm_posix.hpp>
#include <syncopate/detail/threads/interrupts_posix.hpp>
#endif

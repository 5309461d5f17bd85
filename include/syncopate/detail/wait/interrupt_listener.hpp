// InterruptListener, DescriptorAlarm: what Ctrl-C does to those who listen, by the system's file.
#pragma once

#if defined(_WIN32)
#include <syncopate/detail/wait/interrupts_windows.hpp>
#else
#include <syncopate/detail/wait/descriptor_alarm_posix.hpp>
#include <syncopate/detail/wait/interrupts_posix.hpp>
#endif

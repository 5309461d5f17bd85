// FreeBSD's cpuset(2). The macros for the sets are glibc's, which have the same names.
#pragma once

#include <cstddef>
#include <cstdint>

#include <sched.h>

using cpuset_t = cpu_set_t;
using cpulevel_t = int;
using cpuwhich_t = int;
using id_type = std::int64_t;

constexpr cpulevel_t CPU_LEVEL_WHICH = 3;
constexpr cpuwhich_t CPU_WHICH_TID = 1;

extern "C" int cpuset_getaffinity(
    cpulevel_t level, cpuwhich_t which, id_type id, std::size_t size, cpuset_t* mask);

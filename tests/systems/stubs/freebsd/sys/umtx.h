// FreeBSD's _umtx_op, as umtx(2) declares it.
#pragma once

#include <cstdint>
#include <ctime>

struct _umtx_time {
    timespec _timeout;
    std::uint32_t _flags;
    std::uint32_t _clockid;
};

constexpr int UMTX_OP_WAKE_PRIVATE = 16;
constexpr int UMTX_OP_WAIT_UINT_PRIVATE = 15;
constexpr std::uint32_t UMTX_ABSTIME = 1;

extern "C" int _umtx_op(void* object, int operation, unsigned long value, void* size, void* time);

// TaskId: names one task for good. TaskIds: gives a loop the ids of its tasks.
#pragma once

#include <atomic>
#include <cstdint>

namespace syncopate::inline v0_1::detail {

/// Zero is no task.
using TaskId = std::uint64_t;

/// Takes a block of the process's ids at a time, so that loops do not write to one place for each task.
/// Not thread-safe.
class [[gnu::visibility("default")]] TaskIds {
public:
    TaskId next() noexcept {
        if (last_ % block == 0)
            last_ = blocks_taken_.fetch_add(1, std::memory_order_relaxed) * block;
        return ++last_;
    }

private:
    static constexpr TaskId block = 1024;
    static inline std::atomic<TaskId> blocks_taken_{0};

    TaskId last_ = 0;
};

}  // namespace syncopate::inline v0_1::detail

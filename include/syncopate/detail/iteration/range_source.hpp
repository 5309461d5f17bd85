// RangeSource: where a BlockingRange gets its items.
#pragma once

#include <syncopate/detail/wait/deadline.hpp>

#include <optional>

namespace syncopate::inline v0_1::detail {

/// Gives items to one consumer thread. After the end, or an exception, there are no more.
template <class T>
class RangeSource {
public:
    RangeSource() = default;
    RangeSource(RangeSource const&) = delete;
    RangeSource& operator=(RangeSource const&) = delete;
    virtual ~RangeSource() = default;

    /// Gives the next item. Blocks until it is there.
    virtual std::optional<T> next() = 0;

    /// The same, until the deadline. Throws: Errc::timed_out; then the next call gives that item.
    virtual std::optional<T> next_until(Deadline deadline) = 0;

    /// Ends the iteration, and cleans up on the loop. Blocks until that is done, except on the loop's own
    /// thread.
    virtual void close() noexcept = 0;
};

}  // namespace syncopate::inline v0_1::detail

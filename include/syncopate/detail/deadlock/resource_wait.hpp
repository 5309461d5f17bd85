// ResourceWait: the task of a call that waits for what functions hold: a token, a worker, the thread of its caller.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/task/call_id.hpp>

#include <cstddef>
#include <limits>

namespace syncopate::inline v0_1::detail {

class BlockingWait;

/// What the graph of waits knows of it. What is waited for is told by an address: of a TokenCounter, of a WorkerSet, or
/// of a CallerQueue.
class ResourceWait : public ListHook<ResourceWait> {
public:
    static constexpr auto over = (std::numeric_limits<std::size_t>::max)();

    /// call:   the call that cannot end before the wait; zero if there is none that the graph knows.
    ResourceWait(CallId call, void const* resource) noexcept : call_(call), resource_(resource) {}
    ResourceWait(ResourceWait const&) = delete;
    ResourceWait& operator=(ResourceWait const&) = delete;

    void const* resource() const noexcept { return resource_; }

protected:
    ~ResourceWait() = default;

private:
    friend class BlockingWait;

    /// How many functions hold what is waited for: while all of them are blocked, the wait goes on. `over` if it has
    /// ended. Under the lock of the graph.
    virtual std::size_t holders() const noexcept = 0;

    CallId const call_;
    void const* const resource_;
    unsigned process_ = 0;  // in which it was entered; 0 if it was not
    bool is_stuck_ = false;
};

}  // namespace syncopate::inline v0_1::detail

// PortalRegistry: the portals to one execution context, and how many of its threads are blocked on them.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/intrusive_list.hpp>

#include SYNCOPATE_ASIO(execution_context.hpp)

#include <cstddef>
#include <mutex>

namespace syncopate::inline v0_1::detail {

/// A portal, which is told when the execution context ends.
class RegisteredPortal : public ListHook<RegisteredPortal> {
public:
    /// The execution context is about to destroy all that is pending, and then itself.
    virtual void execution_context_ends() noexcept = 0;

protected:
    ~RegisteredPortal() = default;
};

/// A service of the execution context.
class [[gnu::visibility("default")]] PortalRegistry : public asio::execution_context::service {
public:
    static inline asio::execution_context::id id;

    explicit PortalRegistry(asio::execution_context& context) : service(context) {}

    void add(RegisteredPortal& portal) noexcept {
        std::lock_guard lock(mutex_);
        portals_.push_back(portal);
    }
    void remove(RegisteredPortal& portal) noexcept {
        std::lock_guard lock(mutex_);
        portal.unlink();
    }

    /// Counts one more blocked thread. False, and not counted, if none of `threads` would be left to run.
    bool enter(std::size_t threads) noexcept {
        std::lock_guard lock(mutex_);
        if (blocked_threads_ + 1 >= threads)
            return false;
        ++blocked_threads_;
        return true;
    }
    void leave() noexcept {
        std::lock_guard lock(mutex_);
        --blocked_threads_;
    }

private:
    void shutdown() override {
        portals_.for_each([](RegisteredPortal& portal) {
            portal.unlink();
            portal.execution_context_ends();
        });
    }

    std::mutex mutex_;
    IntrusiveList<RegisteredPortal> portals_;
    std::size_t blocked_threads_ = 0;
};

}  // namespace syncopate::inline v0_1::detail

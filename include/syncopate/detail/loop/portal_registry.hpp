// What an execution context knows of the portals to it.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>

#include <boost/asio/execution_context.hpp>

#include <cstddef>
#include <mutex>

namespace syncopate::detail {

/// A portal, as the execution context sees it.
class RegisteredPortal : public ListHook<RegisteredPortal> {
public:
    /// The context is about to destroy all that is pending, and then itself.
    virtual void context_ends() noexcept = 0;

protected:
    ~RegisteredPortal() = default;
};

/// A service of the execution context: counts those of its threads that are blocked on something that
/// the context must run, and tells the portals when it ends.
class PortalRegistry : public boost::asio::execution_context::service {
public:
    static inline boost::asio::execution_context::id id;

    explicit PortalRegistry(boost::asio::execution_context& context) : service(context) {}

    void add(RegisteredPortal& portal) noexcept {
        std::lock_guard lock(mutex_);
        portals_.push_back(portal);
    }
    void remove(RegisteredPortal& portal) noexcept {
        std::lock_guard lock(mutex_);
        portal.unlink();
    }

    /// One more thread blocks, unless none of `threads` would be left.
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
            portal.context_ends();
        });
    }

    std::mutex mutex_;
    IntrusiveList<RegisteredPortal> portals_;
    std::size_t blocked_threads_ = 0;
};

}  // namespace syncopate::detail

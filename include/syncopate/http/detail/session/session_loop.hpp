// SessionLoop: the connections of a session on one event loop, and their end with the session or with the loop.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/http/detail/connection/deadline_timer.hpp>
#include <syncopate/http/detail/connection/pool.hpp>
#include <syncopate/http/detail/lookup/resolver.hpp>
#include <syncopate/http/options.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/query.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http::detail {

class SessionLoop;

/// A user of a session's connections, which the end of the session stops.
class SessionUser : public ::syncopate::detail::ListHook<SessionUser> {
public:
    /// Called on the loop when the session is closed: has waiting coroutines fail, and lets go of connection and
    /// loop.
    virtual void abort() noexcept = 0;

protected:
    ~SessionUser() = default;
};

/// The sessions that have sockets in one execution context. At the end of the context it has them close their
/// sockets, which must not outlive it; the sessions and responses may.
class [[gnu::visibility("default")]] SessionService final
    : public asio::execution_context::service {
public:
    inline static asio::execution_context::id id;

    explicit SessionService(asio::execution_context& context) : service(context) {}

    void add(SessionLoop& loop) {
        std::lock_guard const lock(mutex_);
        loops_.push_back(&loop);
    }
    void remove(SessionLoop& loop) noexcept {
        std::lock_guard const lock(mutex_);
        std::erase(loops_, &loop);
    }

private:
    inline void shutdown() override;

    std::mutex mutex_;
    std::vector<SessionLoop*> loops_;
};

/// Owned by the session, and by each coroutine and response that uses it. Destroyed on the loop, or at its end.
class SessionLoop : public std::enable_shared_from_this<SessionLoop> {
public:
    SessionLoop(asio::any_io_executor own, SessionOptions const& options)
        : executor(std::move(own)), deadline_timer(std::make_shared<DeadlineTimer>(executor)),
          pool(executor, {options.max_connections(), options.max_connections_per_host()}),
          resolver(options.dns_cache_time()),
          service_(asio::use_service<SessionService>(context())) {
        service_.add(*this);
    }
    SessionLoop(SessionLoop const&) = delete;
    SessionLoop& operator=(SessionLoop const&) = delete;
    ~SessionLoop() { service_.remove(*this); }

    asio::execution_context& context() const noexcept {
        return asio::query(executor, asio::execution::context);
    }

    void add(SessionUser& user) noexcept { users_.push_back(user); }

    /// Aborts all users and waits. Returns the connections that were idle.
    std::vector<Lease> close() {
        auto idle = pool.close();
        while (!users_.empty()) {
            SessionUser& user = users_.front();
            user.unlink();
            user.abort();
        }
        pool.close_shared();
        deadline_timer->stop();
        return idle;
    }

    /// For the end of the execution context: destroys the coroutines that wait here, since nothing will resume
    /// them, and closes the connections.
    void lose() noexcept {
        auto const keep = shared_from_this();
        pool.close_shared();  // who is destroyed next has no stream left to reset
        deadline_timer->drop_all();
        static_cast<void>(close());
        if (on_lost)
            std::exchange(on_lost, nullptr)();
    }

    asio::any_io_executor const executor;
    std::shared_ptr<DeadlineTimer> const deadline_timer;
    Pool pool;
    Resolver resolver;
    /// Called by lose(): resets the session's pointer to this.
    std::function<void()> on_lost;

private:
    SessionService& service_;
    ::syncopate::detail::IntrusiveList<SessionUser> users_;
};

inline void SessionService::shutdown() {
    for (;;) {
        std::unique_lock lock(mutex_);
        if (loops_.empty())
            return;
        SessionLoop& loop = *loops_.back();
        loops_.pop_back();
        lock.unlock();
        loop.lose();
    }
}

}  // namespace syncopate::inline v0_1::http::detail

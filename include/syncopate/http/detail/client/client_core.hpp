// ClientCore: the session of a Client, and the runner of the loop on which it lives.
#pragma once

#include <syncopate/blocking_operations.hpp>
#include <syncopate/detail/system/forks.hpp>
#include <syncopate/error.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/retry_policy.hpp>
#include <syncopate/http/session.hpp>
#include <syncopate/options.hpp>
#include <syncopate/thread_runner.hpp>

#include <atomic>
#include <cstddef>
#include <optional>
#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// The session of a client and the runner of its loop. Shared by the client and its streams.
class ClientCore {
public:
    ClientCore()
        : own_runner_(std::in_place, Options().name("http::Client")), runner_(*own_runner_) {}
    explicit ClientCore(RunnerBase& runner) : runner_(runner) {}
    explicit ClientCore(SessionOptions options)
        : own_runner_(std::in_place, Options().name("http::Client")), runner_(*own_runner_),
          max_line_size_(options.max_line_size()), has_total_timeout_(options.has_total_timeout()),
          retries_(options.retries()), session_(std::move(options)) {}
    ClientCore(RunnerBase& runner, SessionOptions options)
        : runner_(runner), max_line_size_(options.max_line_size()),
          has_total_timeout_(options.has_total_timeout()), retries_(options.retries()),
          session_(std::move(options)) {}

    RunnerBase& runner() noexcept { return runner_; }
    ClientSession& session() noexcept { return session_; }
    std::size_t max_line_size() const noexcept { return max_line_size_; }
    bool has_total_timeout() const noexcept { return has_total_timeout_; }
    RetryPolicy const& retries() const noexcept { return retries_; }

    /// Marks the session as used. Throws syncopate::Errc::runner_closed after close(), Errc::forked.
    void require_open() {
        require_here();
        auto state = state_.load(std::memory_order_relaxed);
        if (state == State::unused)
            state_.compare_exchange_strong(state, State::used);
        if (state == State::closed)
            throw std::system_error(
                make_error_code(::syncopate::Errc::runner_closed), "http::Client");
    }

    void close() {
        require_here();
        // A session that was never used has nothing to leave, and its runner no thread yet.
        if (state_.exchange(State::closed) == State::used)
            leave_session();
        if (own_runner_)
            own_runner_->close();
    }

private:
    enum class State { unused, used, closed };

    void require_here() {
        if (!in_use_.note())
            throw std::system_error(make_error_code(::syncopate::Errc::forked), "http::Client");
    }

    void leave_session() {
        try {
            runner_.run([this] { return session_.aexit(nullptr); });
        } catch (std::system_error const& error) {
            // If the runner was closed first, that has ended the session's requests.
            if (error.code() != ::syncopate::Errc::runner_closed)
                throw;
        }
    }

    ::syncopate::detail::UsedIn in_use_;
    std::optional<ThreadRunner> own_runner_;
    RunnerBase& runner_;
    std::size_t const max_line_size_ = SessionOptions().max_line_size();
    bool const has_total_timeout_ = SessionOptions().has_total_timeout();
    RetryPolicy const retries_ = SessionOptions().retries();
    std::atomic<State> state_{State::unused};
    ClientSession session_;
};

}  // namespace syncopate::inline v0_1::http::detail

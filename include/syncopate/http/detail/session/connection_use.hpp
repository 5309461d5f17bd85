// ConnectionUse: a leased connection while one exchange uses it, until it is given back or closed.
#pragma once

#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/http/detail/connection/connection.hpp>
#include <syncopate/http/detail/connection/deadline_timer.hpp>
#include <syncopate/http/detail/connection/pool.hpp>
#include <syncopate/http/detail/session/session_loop.hpp>
#include <syncopate/http/error.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// On the session's loop, by one coroutine at a time. It is attached to the loop from its construction until
/// detach(), and has a lease for a part of that time. The end of the session closes the connection.
class ConnectionUse : public SessionUser {
public:
    ConnectionUse(ConnectionUse const&) = delete;
    ConnectionUse& operator=(ConnectionUse const&) = delete;

    /// Whether it uses the loop. From any thread: once this is false, it stays so.
    bool is_attached() const noexcept { return is_attached_.load(std::memory_order_acquire); }

    /// Detaches the use at the end of a scope, unless it is dismissed before. Within the scope, the end of
    /// the session closes the connection, but leaves it to the coroutine to detach.
    class Guard {
    public:
        explicit Guard(ConnectionUse& use) noexcept : use_(&use) { use.is_in_use_ = true; }
        Guard(Guard const&) = delete;
        Guard& operator=(Guard const&) = delete;
        ~Guard() {
            if (!use_)
                return;
            use_->is_in_use_ = false;
            use_->detach();
        }
        void dismiss() noexcept { std::exchange(use_, nullptr)->is_in_use_ = false; }

    private:
        ConnectionUse* use_;
    };

    /// Lets go of the loop, and closes the connection if there still is one.
    void detach() noexcept {
        unlink();
        lease_.reset();
        auto const loop = std::move(loop_);
        // Last: the thread that reads false may destroy this at once.
        is_attached_.store(false, std::memory_order_release);
    }

    /// Waits until bytes have come or gone, or the deadline passes. To be awaited, and then checked.
    auto wait_until(Deadline deadline) {
        return connection().park().until(deadline, *loop_->deadline_timer);
    }

    /// Throws how a wait ended, unless it was resumed.
    ///
    /// late:      the error of a wait that expired before the total deadline.
    /// during:    names the step in the message of that error; may be empty.
    void check_wait(Errc late, std::string_view during = {}) const {
        auto const end = lease_.connection().park().end();
        if (is_aborted_)
            fail(Errc::session_closed);
        if (end == TimedPark::End::cancelled)
            ::syncopate::detail::throw_cancellation();
        if (end == TimedPark::End::expired)
            fail(Deadline::clock::now() >= total_ ? Errc::total_timed_out : late, during);
    }

    /// Throws the error, with a message that names the server.
    [[noreturn]] void fail(Errc code, std::string_view why = {}) const {
        std::string what(server_);
        if (!why.empty())
            what.append(": ").append(why);
        throw_error(code, what);
    }

protected:
    /// total:     the deadline of the whole request.
    /// server:    names the server in errors; outlives this.
    ConnectionUse(std::shared_ptr<SessionLoop> loop, Deadline total, std::string_view server)
        : loop_(std::move(loop)), total_(total), server_(server) {
        loop_->add(*this);
    }
    ~ConnectionUse() { unlink(); }

    void require_session() const {
        if (is_aborted_)
            fail(Errc::session_closed);
    }
    bool is_aborted() const noexcept { return is_aborted_; }
    Deadline total() const noexcept { return total_; }
    void lift_total() noexcept { total_ = no_deadline; }
    SessionLoop& loop() const noexcept { return *loop_; }
    Lease& lease() noexcept { return lease_; }
    Lease const& lease() const noexcept { return lease_; }
    Connection& connection() const noexcept { return lease_.connection(); }

private:
    void abort() noexcept final {
        is_aborted_ = true;
        if (!is_in_use_)
            detach();
        else if (lease_.has_connection())
            connection().close();  // a wait for it is resumed by that
    }

    std::shared_ptr<SessionLoop> loop_;
    Deadline total_;
    std::string_view const server_;
    Lease lease_;
    std::atomic<bool> is_attached_{true};
    bool is_in_use_ = false;
    bool is_aborted_ = false;
};

}  // namespace syncopate::inline v0_1::http::detail

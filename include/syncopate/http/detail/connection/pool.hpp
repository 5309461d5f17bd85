// Pool: the connections of a session, in use and idle, and the requests that wait for one.
#pragma once

#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/http/detail/connection/connection.hpp>
#include <syncopate/http/detail/connection/deadline_timer.hpp>
#include <syncopate/http/detail/connection/idle_timer.hpp>
#include <syncopate/http/detail/connection/lease.hpp>
#include <syncopate/http/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http::detail {

/// Idle connections are taken newest first. Requests that wait are served in their order; but one whose host
/// has all the connections that it may have does not hold up those to other hosts.
///
/// While there are idle connections, they are looked at once a second, also if no request follows: those whose time
/// is up are closed, and those that the server has closed.
///
/// Threads: on the session's loop, and therefore without a lock.
class Pool {
public:
    /// Zero: no limit.
    struct Limits {
        std::size_t connections;
        std::size_t connections_per_host;
    };

    Pool(asio::any_io_executor executor, Limits limits)
        : executor_(std::move(executor)),
          limits_{most(limits.connections), most(limits.connections_per_host)},
          idle_timer_(std::make_shared<IdleTimer>(executor_, [this] { look_at_idle(); })) {}
    Pool(Pool const&) = delete;
    Pool& operator=(Pool const&) = delete;

    /// What a lease is for: an exchange, which may share its connection with others, or more than that.
    enum class Use { exchange, whole };

    /// Has requests share their connections to servers that allow it.
    void allow_sharing() noexcept { shares_ = true; }
    bool allows_sharing() const noexcept { return shares_; }

    /// An idle connection to this server, a share of one, or the permit for a new one; empty if none is free.
    ///
    /// key:       the server's origin, and behind a space what tells its connections apart, if anything does.
    Lease try_lease(std::string_view key, Deadline now, Use use = Use::exchange) {
        return waiting_.empty() && !is_closed_ ? take(host_of(key), now, use) : Lease();
    }

    /// Waits for an idle connection to this server, or the permit for a new one.
    ///
    /// Throws:    Errc::total_timed_out when the deadline passes; operation_aborted; Errc::session_closed.
    asio::awaitable<Lease> lease(
        std::string key, Deadline deadline, DeadlineTimer& timer, Use use = Use::exchange) {
        if (is_closed_)
            throw_error(Errc::session_closed, origin_in(key));
        auto const request = std::make_shared<LeaseRequest>(host_of(key), use);
        QueuedRequest const queued(*this, request);
        serve(Deadline::clock::now());  // the requests in front may wait for other hosts
        co_await request->park.until(deadline, timer);
        // If it was served as well, `queued` passes the lease on to the next request.
        if (request->park.end() == TimedPark::End::cancelled)
            ::syncopate::detail::throw_cancellation();
        if (request->lease)
            co_return std::move(request->lease);
        if (is_closed_)
            throw_error(Errc::session_closed, origin_in(key));
        throw_error(
            Errc::total_timed_out, origin_in(key) + ": waiting for a connection, of which all that "
                                                    "SessionOptions allow were in use");
    }

    /// Takes back a connection that is at rest; or leaves it to the caller, if it must not be kept.
    ///
    /// until:     the end of its idle time.
    void give_back(Lease&& lease, Deadline now, Deadline until) {
        if (is_closed_ || until <= now)
            return;
        lease.connection().input().shrink();
        close_idle([&](Idle const& idle) { return idle.until <= now; });
        idle_.push_back({std::move(lease), until});
        serve(now);
        if (!idle_.empty())
            idle_timer_->wake_at(next_look(now, until));
    }

    /// Has a connection shared that was made for one request. Gives that one's share.
    Lease share(SharedConnection& shared, Lease&& lease) {
        auto& sharing = lease.permit_.host()->sharing;
        lease.permit_.answer();
        if (is_closed_)
            return {};
        auto stream = sharing.begin(shared, std::move(lease));
        if (!stream)
            return {};
        Lease own(Permit(*this), std::move(stream), false);
        serve(Deadline::clock::now());
        return own;
    }
    /// The server of this connection has it shared by nobody.
    void keep_whole(Lease& lease) noexcept {
        auto& sharing = lease.permit_.host()->sharing;
        if (!sharing.is_allowed())
            return;
        sharing.allow(false);
        lease.permit_.answer();
        serve(Deadline::clock::now());
    }

    /// Ends the connections that are shared. To be called when nothing goes over them any more.
    void close_shared() noexcept {
        for (auto& [key, host] : hosts_)
            host.sharing.close();
    }

    /// Ends the waits. Returns the idle connections.
    std::vector<Lease> close() {
        is_closed_ = true;
        idle_timer_->stop();
        while (!waiting_.empty()) {
            auto const request = waiting_.front();
            dequeue(*request);
            request->park.resume();
        }
        std::vector<Lease> leases;
        for (Idle const& idle : idle_)
            if (auto* const shared = idle.lease.connection().shared())
                shared->close();
        for (Idle& idle : std::exchange(idle_, {}))
            leases.push_back(std::move(idle.lease));
        return leases;
    }

    /// Their numbers: all connections, the idle ones among them, and the requests that wait for one.
    std::size_t connections() const noexcept { return connections_; }
    std::size_t idle() const noexcept { return idle_.size(); }
    std::size_t waiting() const noexcept { return waiting_.size(); }

private:
    friend class Permit;

    struct Idle {
        Lease lease;
        Deadline until;
    };

    struct LeaseRequest {
        LeaseRequest(PoolHost& wanted, Use its_use) noexcept : host(wanted), use(its_use) {}

        PoolHost& host;
        Use const use;
        TimedPark park;
        Lease lease;
        bool is_queued = false;
        std::list<std::shared_ptr<LeaseRequest>>::iterator position;
    };
    using LeaseRequestPointer = std::shared_ptr<LeaseRequest>;

    /// Scope guard: keeps a request in the queue while its coroutine waits.
    class QueuedRequest {
    public:
        QueuedRequest(Pool& pool, LeaseRequestPointer request)
            : pool_(pool), request_(std::move(request)) {
            request_->position = pool_.waiting_.insert(pool_.waiting_.end(), request_);
            request_->is_queued = true;
            ++request_->host.waiting;
        }
        QueuedRequest(QueuedRequest const&) = delete;
        QueuedRequest& operator=(QueuedRequest const&) = delete;
        ~QueuedRequest() {
            pool_.dequeue(*request_);
            --request_->host.waiting;
            Lease const unclaimed = std::move(request_->lease);
        }

    private:
        Pool& pool_;
        LeaseRequestPointer request_;
    };

    void look_at_idle() {
        auto const now = Deadline::clock::now();
        close_idle([&](Idle const& idle) {
            return idle.until <= now || idle.lease.connection().has_ended();
        });
        if (idle_.empty())
            return;
        auto const first = std::ranges::min_element(idle_, {}, &Idle::until);
        idle_timer_->wake_at(next_look(now, first->until));
    }

    static Deadline next_look(Deadline now, Deadline until) noexcept {
        constexpr std::chrono::seconds longest{1};
        return (std::min)(until, now + longest);
    }

    /// Closes those for which the function returns true.
    template <class IsOver>
    void close_idle(IsOver is_over) {
        // They are closed when the list is in order: the end of each may serve a request from it.
        std::vector<Idle> over;
        for (auto i = idle_.begin(); i != idle_.end();) {
            if (!is_over(*i)) {
                ++i;
                continue;
            }
            over.push_back(std::move(*i));
            i = idle_.erase(i);
        }
    }

    /// For messages: what follows may hold a password.
    static std::string origin_in(std::string const& key) { return key.substr(0, key.find(' ')); }

    PoolHost& host_of(std::string_view key) {
        auto const found = hosts_.find(key);
        if (found != hosts_.end())
            return found->second;
        // Unused hosts are erased only when a new one comes: an entry is not made again for each request.
        std::erase_if(hosts_, [](auto const& entry) {
            return entry.second.connections == 0 && entry.second.waiting == 0;
        });
        auto& host = hosts_[std::string(key)];
        host.sharing.allow(shares_ && key.starts_with("https:"));
        return host;
    }

    Lease take(PoolHost& host, Deadline now, Use use) {
        if (!host.sharing.is_allowed() || use == Use::whole)
            return take_whole(host, now);
        auto share = take_share(host, now);
        if (share || host.sharing.is_being_asked())
            return share;
        auto lease = take_whole(host, now);
        if (lease && !lease.has_connection() && host.sharing.is_worth_asking())
            lease.permit_.ask();
        return lease;
    }

    Lease take_share(PoolHost& host, Deadline now) {
        auto stream = host.sharing.open();
        while (!stream) {
            auto const idle = std::ranges::find_if(idle_, [&](Idle const& each) {
                return each.lease.permit_.host() == &host && each.lease.connection().shared();
            });
            if (idle == idle_.end())
                return {};
            auto const keep = ConnectionPointer(&idle->lease.connection());
            Lease lease = std::move(idle->lease);
            bool const is_fresh = now < idle->until;
            idle_.erase(idle);
            if (is_fresh)
                stream = host.sharing.begin(*keep->shared(), std::move(lease));
        }
        return {Permit(*this), std::move(stream), true};
    }

    Lease take_whole(PoolHost& host, Deadline now) {
        for (auto i = idle_.size(); i-- > 0;) {
            if (idle_[i].lease.permit_.host() != &host)
                continue;
            Lease lease = std::move(idle_[i].lease);
            bool const is_fresh = now < idle_[i].until;
            idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(i));
            lease.is_reused_ = true;
            if (!is_fresh)
                lease.close_connection();
            return lease;
        }
        if (host.connections >= limits_.connections_per_host)
            return {};
        if (connections_ < limits_.connections)
            return Lease(Permit(*this, host));
        if (idle_.empty())
            return {};
        // The connection that has been idle for longest makes room.
        Permit permit(*this, host);
        bool const was_serving = std::exchange(is_serving_, true);  // its place is not for others
        idle_.erase(idle_.begin());
        is_serving_ = was_serving;
        return Lease(std::move(permit));
    }

    /// Gives free connections and permits to the requests that wait. Their coroutines are resumed by post(), so
    /// that this can be called from everywhere.
    void serve(Deadline now) noexcept {
        if (std::exchange(is_serving_, true))
            return;
        PoolHost const* full = nullptr;
        for (auto next = waiting_.begin(); next != waiting_.end() && !is_exhausted();) {
            auto const request = *next++;
            if (&request->host == full && request->use == Use::exchange)
                continue;
            request->lease = take(request->host, now, request->use);
            if (!request->lease) {
                full = &request->host;
                continue;
            }
            dequeue(*request);
            try {
                asio::post(executor_, [request] { request->park.resume(); });
            } catch (...) {  // no memory: its deadline will resume it
            }
        }
        is_serving_ = false;
    }
    void dequeue(LeaseRequest& request) noexcept {
        if (std::exchange(request.is_queued, false))
            waiting_.erase(request.position);
    }

    static std::size_t most(std::size_t limit) noexcept {
        return limit == 0 ? (std::numeric_limits<std::size_t>::max)() : limit;
    }

    bool is_exhausted() const noexcept {
        return connections_ >= limits_.connections && idle_.empty() && !shares_;
    }

    asio::any_io_executor executor_;
    Limits limits_;
    bool is_closed_ = false;
    bool is_serving_ = false;
    bool shares_ = false;
    std::size_t connections_ = 0;
    std::map<std::string, PoolHost, std::less<>> hosts_;
    std::list<LeaseRequestPointer> waiting_;
    std::vector<Idle> idle_;  // in the order in which they were given back
    std::shared_ptr<IdleTimer> const idle_timer_;
};

inline Permit::Permit(Pool& pool, PoolHost& host) noexcept : pool_(&pool), host_(&host) {
    ++pool_->connections_;
    ++host_->connections;
}

inline Permit::~Permit() {
    if (!pool_)
        return;
    if (host_) {
        question_ = SharingQuestion();
        --pool_->connections_;
        --host_->connections;
    }
    pool_->serve(Deadline::clock::now());
}

}  // namespace syncopate::inline v0_1::http::detail

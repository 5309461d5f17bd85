// Names to addresses: look-ups that can be abandoned, are shared, and are remembered for a while.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/loop/suspension.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/http/detail/connection/socket.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/headers.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

namespace syncopate::http::detail {

using Addresses = std::vector<asio::ip::address>;

/// Gives the addresses of a name, in the order in which they are to be tried. Blocks. It is called by
/// threads that nobody waits for, and may run when whoever wanted to know has gone.
using LookupFunction = std::function<Addresses(std::string)>;

inline Addresses to_addresses(addrinfo const* list) {
    Addresses addresses;
    for (; list; list = list->ai_next) {
        if (list->ai_family == AF_INET) {
            sockaddr_in address{};
            std::memcpy(&address, list->ai_addr, sizeof address);
            addresses.emplace_back(asio::ip::address_v4(ntohl(address.sin_addr.s_addr)));
        } else if (list->ai_family == AF_INET6) {
            sockaddr_in6 address{};
            std::memcpy(&address, list->ai_addr, sizeof address);
            asio::ip::address_v6::bytes_type bytes;
            std::memcpy(bytes.data(), &address.sin6_addr, bytes.size());
            addresses.emplace_back(asio::ip::address_v6(bytes, address.sin6_scope_id));
        }
    }
    return addresses;
}

/// Asks the system. Throws: Errc::host_not_found.
inline Addresses look_up(std::string host) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    addrinfo* list = nullptr;
    int const error = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
    if (error == EAI_SYSTEM)
        throw_error(Errc::host_not_found, host + ": " + std::generic_category().message(errno));
    if (error != 0)
        throw_error(Errc::host_not_found, host + ": " + ::gai_strerror(error));
    std::unique_ptr<addrinfo, void (*)(addrinfo*)> const owner(list, &::freeaddrinfo);
    auto addresses = to_addresses(list);
    if (addresses.empty())
        throw_error(Errc::host_not_found, host + ": no address");
    return addresses;
}

/// One look-up, shared by the thread that does it, those who wait for it, and the resolver.
///
/// Its lock decides between the thread, which has those who wait go on, and the loop, which takes away
/// who is cancelled or destroyed: a Wait that is in the list is suspended.
class Lookup {
public:
    using Clock = std::chrono::steady_clock;

    explicit Lookup(std::string host) : host_(std::move(host)) {}

    Clock::time_point started() const noexcept { return started_; }

    /// On any thread, once.
    void run(LookupFunction const& function) noexcept {
        Addresses addresses;
        std::exception_ptr error;
        try {
            addresses = function(host_);
        } catch (...) {
            error = std::current_exception();
        }
        std::lock_guard const lock(mutex_);
        addresses_ = std::move(addresses);
        error_ = std::move(error);  // which this thread does not refer to any more
        ended_ = Clock::now();
        while (!waits_.empty()) {
            boost::intrusive_ptr<Wait> const wait(&waits_.front());
            wait->Hook::unlink();
            wait->resume_soon();
        }
    }

    /// Whether another request may use it: it is under way, or has succeeded within that time.
    bool is_valid_for(std::chrono::nanoseconds time) const noexcept {
        std::lock_guard const lock(mutex_);
        return !ended_ || (!error_ && Clock::now() - *ended_ < time);
    }

    /// Waits for its end, in a coroutine. Throws: what the function throws.
    static asio::awaitable<Addresses> result(std::shared_ptr<Lookup> lookup) {
        auto const executor = co_await asio::this_coro::executor;
        boost::intrusive_ptr<Wait> const wait(new Wait(executor, lookup));
        co_await wait->wait();
        if (wait->is_cancelled())
            syncopate::detail::throw_cancellation();
        co_return lookup->copy_result();
    }

private:
    class Wait;
    using Hook = syncopate::detail::ListHook<Wait>;

    class Wait final : public syncopate::detail::Suspension, public Hook {
    public:
        Wait(asio::any_io_executor const& executor, std::shared_ptr<Lookup> lookup)
            : Suspension(executor), lookup_(std::move(lookup)) {}

        bool is_cancelled() const noexcept { return is_cancelled_; }

    private:
        void begin() noexcept override {
            if (!lookup_->add(*this))
                resume_soon();
        }
        void cancelled() noexcept override {
            if (!lookup_->remove(*this))
                return;
            is_cancelled_ = true;
            resume_soon();
        }
        bool is_settled() noexcept override {
            lookup_->remove(*this);
            return true;
        }

        std::shared_ptr<Lookup> const lookup_;
        bool is_cancelled_ = false;
    };

    /// Returns whether there is something to wait for.
    bool add(Wait& wait) noexcept {
        std::lock_guard const lock(mutex_);
        if (ended_)
            return false;
        waits_.push_back(wait);
        return true;
    }

    /// Returns whether it was still waiting.
    bool remove(Wait& wait) noexcept {
        std::lock_guard const lock(mutex_);
        bool const was_waiting = wait.Hook::is_linked();
        wait.Hook::unlink();
        return was_waiting;
    }

    Addresses copy_result() const {
        std::lock_guard const lock(mutex_);
        if (error_)
            std::rethrow_exception(error_);
        return addresses_;
    }

    std::string const host_;
    Clock::time_point const started_ = Clock::now();
    mutable std::mutex mutex_;
    Addresses addresses_;
    std::exception_ptr error_;
    std::optional<Clock::time_point> ended_;
    syncopate::detail::IntrusiveList<Wait> waits_;
};

/// The threads that do the look-ups: detached, each as long as there is something to look up. What the
/// most of them cannot do at once waits, first come, first served.
///
/// Not those of a WorkerPool, which are waited for when the pool is closed: a look-up cannot be
/// interrupted, may take a minute when no name server answers, and neither a runner's close() nor the end
/// of the process shall wait for it. So a thread shares the ownership of all that it touches, and may
/// outlive the resolver and the loop.
class LookupThreads : public std::enable_shared_from_this<LookupThreads> {
public:
    static constexpr std::size_t max_threads = 32;

    explicit LookupThreads(LookupFunction function) : function_(std::move(function)) {}

    /// Has it done soon. Throws: std::system_error if the system has no thread to give.
    void start(std::shared_ptr<Lookup> lookup) {
        std::lock_guard const lock(mutex_);
        if (running_ == max_threads)
            return queue_.push_back(std::move(lookup));
        std::thread([self = shared_from_this(), lookup = std::move(lookup)]() mutable {
            self->serve(std::move(lookup));
        }).detach();
        ++running_;
    }

    /// Drops what is queued.
    void close() noexcept {
        std::lock_guard const lock(mutex_);
        queue_.clear();
    }

private:
    void serve(std::shared_ptr<Lookup> lookup) noexcept {
        ::pthread_setname_np(::pthread_self(), "resolver");
        for (; lookup; lookup = next())
            lookup->run(function_);
    }

    std::shared_ptr<Lookup> next() noexcept {
        std::lock_guard const lock(mutex_);
        if (queue_.empty()) {
            --running_;
            return nullptr;
        }
        auto const lookup = std::move(queue_.front());
        queue_.pop_front();
        return lookup;
    }

    LookupFunction const function_;
    std::mutex mutex_;
    std::deque<std::shared_ptr<Lookup>> queue_;
    std::size_t running_ = 0;
};

/// Asks for the addresses of names. Not for addresses in text form.
///
/// Requests for a name share one look-up, as long as that is under way, or has succeeded not longer ago
/// than the cache time; it goes on when all of them have been cancelled. A failure is not remembered.
///
/// Threads:   on one loop. Must outlive the requests, unless the loop ends with them.
class Resolver {
public:
    static constexpr std::size_t max_names = 256;

    explicit Resolver(std::chrono::nanoseconds cache_time, LookupFunction function = look_up)
        : cache_time_(cache_time), threads_(std::make_shared<LookupThreads>(std::move(function))) {}
    Resolver(Resolver const&) = delete;
    Resolver& operator=(Resolver const&) = delete;
    ~Resolver() { threads_->close(); }

    /// Throws: Errc::host_not_found, naming the host and the reason.
    /// Cancel: ends the wait at once.
    asio::awaitable<Addresses> resolve(std::string host) {
        std::ranges::transform(host, host.begin(), to_lower);
        auto const lookup = find_or_start(std::move(host));
        co_return co_await Lookup::result(lookup);
    }

private:
    std::shared_ptr<Lookup> find_or_start(std::string host) {
        if (auto const known = lookups_.find(host);
            known != lookups_.end() && known->second->is_valid_for(cache_time_))
            return known->second;
        auto lookup = std::make_shared<Lookup>(host);
        threads_->start(lookup);
        if (lookups_.size() >= max_names)
            forget_oldest();
        lookups_[std::move(host)] = lookup;
        return lookup;
    }

    void forget_oldest() noexcept {
        auto const started = [](auto const& each) { return each.second->started(); };
        lookups_.erase(std::ranges::min_element(lookups_, {}, started));
    }

    std::chrono::nanoseconds const cache_time_;
    std::shared_ptr<LookupThreads> const threads_;
    std::unordered_map<std::string, std::shared_ptr<Lookup>> lookups_;
};

}  // namespace syncopate::http::detail

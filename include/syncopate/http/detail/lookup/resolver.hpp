// Resolver: the addresses of names, looked up once for many requests, and kept for a while.
#pragma once

#include <syncopate/http/detail/lookup/lookup.hpp>
#include <syncopate/http/detail/lookup/lookup_threads.hpp>
#include <syncopate/http/detail/lookup/system_lookup.hpp>
#include <syncopate/http/headers.hpp>

#include <boost/asio/awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

namespace asio = boost::asio;

/// Gives the addresses of names. The caller has dealt with hosts that are addresses already.
///
/// Requests for one name share a look-up that is under way, and its addresses until the cache time has
/// passed, or they turn out to be of no use. A failure is not kept. A look-up goes on when all of its requests have been cancelled.
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

    /// Has the next request for the name look it up again: its addresses are of no use.
    void forget(std::string host) {
        std::ranges::transform(host, host.begin(), to_lower);
        lookups_.erase(host);
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

}  // namespace syncopate::inline v0_1::http::detail

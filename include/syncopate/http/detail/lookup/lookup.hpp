// Lookup: the look-up of one name, for all requests that need it.
#pragma once

#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/intrusive_pointer.hpp>
#include <syncopate/detail/loop/suspension.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/http/detail/lookup/system_lookup.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

namespace asio = boost::asio;

/// The look-up of one name. The thread that does it, the requests that wait for it, and the resolver share it.
///
/// The lock guards the list of requests. A request in the list is suspended, and whoever takes it out decides
/// how it goes on: the thread, when the addresses are there, or the loop, when the request is cancelled or
/// destroyed.
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
        error_ = std::move(error);  // moved: its last reference is not to be this thread's
        ended_ = Clock::now();
        while (!requests_.empty()) {
            syncopate::detail::IntrusivePointer<LookupRequest> const request(&requests_.front());
            request->Hook::unlink();
            request->resume_soon();
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
        syncopate::detail::IntrusivePointer<LookupRequest> const request(
            new LookupRequest(executor, lookup));
        co_await request->wait();
        if (request->is_cancelled())
            syncopate::detail::throw_cancellation();
        co_return lookup->copy_result();
    }

private:
    class LookupRequest;
    using Hook = syncopate::detail::ListHook<LookupRequest>;

    /// A coroutine that waits for the end of the look-up.
    class LookupRequest final : public syncopate::detail::Suspension, public Hook {
    public:
        LookupRequest(asio::any_io_executor const& executor, std::shared_ptr<Lookup> lookup)
            : Suspension(executor), lookup_(std::move(lookup)) {}

        bool is_cancelled() const noexcept { return is_cancelled_; }

    private:
        void begin() noexcept override {
            if (!lookup_->add(*this))
                resume_soon();
        }
        std::string description() const override { return "the addresses of " + lookup_->host_; }
        void cancelled() noexcept override {
            if (!lookup_->remove(*this))
                return;
            is_cancelled_ = true;
            resume_soon();
        }
        bool is_released() noexcept override {
            lookup_->remove(*this);
            return true;
        }

        std::shared_ptr<Lookup> const lookup_;
        bool is_cancelled_ = false;
    };

    /// Returns whether there is something to wait for.
    bool add(LookupRequest& request) noexcept {
        std::lock_guard const lock(mutex_);
        if (ended_)
            return false;
        requests_.push_back(request);
        return true;
    }

    /// Returns whether it was still waiting.
    bool remove(LookupRequest& request) noexcept {
        std::lock_guard const lock(mutex_);
        bool const was_waiting = request.Hook::is_linked();
        request.Hook::unlink();
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
    syncopate::detail::IntrusiveList<LookupRequest> requests_;
};

}  // namespace syncopate::inline v0_1::http::detail

// Iterables for the tests.
#pragma once

#include "support/audit.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace support {

namespace asio = boost::asio;

/// The items that are left of a range.
template <class Range>
std::vector<int> items_of(Range&& range) {
    std::vector<int> items;
    for (int item : range)
        items.push_back(item);
    return items;
}

/// What can be seen of a Count, from any thread, also after its end.
struct CountState {
    std::atomic<int> begun{0};  // items that were asked for
    std::atomic<int> made{0};   // items that were given
    std::atomic<int> closed{0};
    std::atomic<bool> destroyed{false};
    std::atomic<std::thread::id> closed_on;
    std::atomic<std::thread::id> destroyed_on;
};

/// Counts from 0, for ever or up to an end; throws "item K" instead of item K, if that is set. Every
/// item goes round the loop once.
class Count {
public:
    static constexpr int never = -1;

    explicit Count(CountState& state, int end = never, int failing_item = never)
        : state_(&state), end_(end), failing_item_(failing_item) {}
    Count(Count&& other) noexcept
        : state_(other.state_), end_(other.end_), failing_item_(other.failing_item_),
          next_(other.next_) {
        other.state_ = nullptr;
    }
    Count& operator=(Count&&) = delete;
    ~Count() {
        if (!state_)
            return;
        state_->destroyed_on = std::this_thread::get_id();
        state_->destroyed = true;
    }

    asio::awaitable<std::optional<int>> anext() {
        Tracked const frame;
        ++state_->begun;
        co_await asio::post(asio::use_awaitable);
        if (next_ == end_)
            co_return std::nullopt;
        if (next_ == failing_item_)
            throw std::runtime_error("item " + std::to_string(next_));
        ++state_->made;
        co_return next_++;
    }

    asio::awaitable<void> aclose() {
        Tracked const frame;
        co_await asio::post(asio::use_awaitable);
        state_->closed_on = std::this_thread::get_id();
        ++state_->closed;
    }

private:
    CountState* state_;
    int end_;
    int failing_item_;
    int next_ = 0;
    Tracked tracked_;
};

}  // namespace support

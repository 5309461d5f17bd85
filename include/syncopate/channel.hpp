// Channel: a queue of limited length between threads and the coroutines of any loops.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/channel/channel_items.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/kept_for_ever.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)

#include <chrono>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

namespace syncopate::inline v0_1 {

/// Hands items from any number of senders to any number of receivers, threads and coroutines alike, in the order in
/// which they were sent.
///
/// ```cpp
/// Channel<Row> rows{1024};
/// runner.start_soon([&]() -> asio::awaitable<void> {         // a coroutine sends
///     while (auto row = co_await next_row()) co_await rows.async_send(*row);
///     rows.close();
/// });
/// for (Row const& row : rows) print(row);                    // a thread receives
/// ```
///
/// At most `capacity` items are in it: who sends more waits, and so does who receives from an empty one. Both are
/// served first come, first served. An item that a cancelled receiver, or one whose time is up, has not taken is the
/// next one's; an item that a cancelled sender has not sent is not in the channel.
///
/// After close() nothing can be sent. Receivers get what is left, and then find the end. The destructor closes; what
/// is left is destroyed when nobody waits in the channel any more.
///
/// T:         movable. May be move-only; need not be default-constructible.
/// Throws:    blocking members on the thread of a loop, and inside a task of a Runner -> DeadlockError, also where they
///            need not wait. In the child of a fork, if the channel was used before -> Errc::forked.
/// Threads:   every member from any thread, and several at once. The destructor when nobody begins to use it any more.
/// Semantics: tokio's bounded mpsc with several receivers; Python's janus; Go's `chan`, but sending to a closed one is
///            an error that can be caught, and there is none without room.
template <std::move_constructible T>
class Channel {
    using Items = detail::ChannelItems<T>;

public:
    /// Gives the items one after another to a thread: a single-pass iterator that owns its item.
    class iterator {
    public:
        using iterator_concept = std::input_iterator_tag;
        using value_type = T;
        using difference_type = std::ptrdiff_t;

        iterator(iterator&&) = default;
        iterator& operator=(iterator&&) = default;

        /// Gives the current item, which may be moved from.
        T& operator*() const noexcept { return *item_; }
        T* operator->() const noexcept { return &*item_; }
        /// Receives the next item. Blocks, and throws, as receive().
        iterator& operator++() {
            item_.reset();
            if (auto next = channel_->receive())
                item_.emplace(std::move(*next));
            return *this;
        }
        void operator++(int) { ++*this; }

        friend bool operator==(iterator const& position, std::default_sentinel_t) noexcept {
            return !position.item_;
        }

    private:
        friend class Channel;
        explicit iterator(Channel& channel) : channel_(&channel) { ++*this; }

        Channel* channel_;
        mutable std::optional<T> item_;
    };

    /// Makes an open channel.
    ///
    /// capacity:  how many items may be in it that nobody has received yet.
    /// Throws:    std::invalid_argument if it is not positive.
    template <std::integral N>
    explicit Channel(N capacity) : items_(std::make_shared<Items>(checked(capacity))) {}
    Channel(Channel const&) = delete;
    Channel& operator=(Channel const&) = delete;
    ~Channel() {
        if (items_->was_forked())
            detail::keep_for_ever(std::move(items_));
        else
            items_->close();
    }

    // From synchronous code.

    /// Sends an item.
    ///
    /// Blocks:    until there is room.
    /// Throws:    Errc::channel_closed, also if that comes while it blocks.
    void send(T item) { items_->send_until(detail::no_deadline, item); }

    /// Sends an item if there is room at once. Does not block.
    ///
    /// item:      is moved from if it has been sent, and otherwise left as it is.
    /// Returns:   whether it has been sent.
    /// Throws:    Errc::channel_closed.
    bool try_send(T& item) { return items_->try_send(item) == Items::Try::done; }
    /// The same, for an item that nobody needs if it cannot be sent.
    bool try_send(T&& item) { return try_send(item); }

    /// Sends an item if there is room in time.
    ///
    /// timeout:   from now; zero or less: as try_send().
    /// item:      is moved from if it has been sent, and otherwise left as it is.
    /// Returns:   whether it has been sent.
    /// Blocks:    until there is room, or the time is up.
    /// Throws:    Errc::channel_closed.
    template <class Rep, class Period>
    bool send_for(std::chrono::duration<Rep, Period> timeout, T& item) {
        return items_->send_until(detail::deadline_after(timeout), item);
    }
    /// The same, for an item that nobody needs if it cannot be sent.
    template <class Rep, class Period>
    bool send_for(std::chrono::duration<Rep, Period> timeout, T&& item) {
        return send_for(timeout, item);
    }

    /// Receives the oldest item; nothing if the channel is closed and has no more.
    ///
    /// Blocks:    until there is one, or the end.
    std::optional<T> receive() { return items_->receive_until(detail::no_deadline); }

    /// Receives an item if there is one at once. Does not block.
    std::optional<T> try_receive() {
        std::optional<T> item;
        items_->try_receive(item);
        return item;
    }

    /// Receives an item if there is one in time; is_closed() tells an end from a time that is up.
    ///
    /// timeout:   from now; zero or less: as try_receive().
    /// Blocks:    until there is one, the end, or the time is up.
    template <class Rep, class Period>
    std::optional<T> receive_for(std::chrono::duration<Rep, Period> timeout) {
        return items_->receive_until(detail::deadline_after(timeout));
    }

    /// Receives the first item for an iteration: `for (T& item : channel)`. Any number of threads may iterate, and
    /// each gets items that the others do not.
    ///
    /// Blocks:    as receive().
    iterator begin() { return iterator(*this); }
    /// Gives the end, which equals an iterator that has no item.
    std::default_sentinel_t end() const noexcept { return {}; }

    // From coroutines, on any loop.

    /// Sends an item.
    ///
    /// Throws:    Errc::channel_closed, also if that comes while it waits.
    /// Cancel:    ends the wait by operation_aborted. The item has not been sent then, and is destroyed.
    asio::awaitable<void> async_send(T item) { return items_->async_send(std::move(item)); }

    /// Receives the oldest item; nothing if the channel is closed and has no more.
    ///
    /// Cancel:    ends the wait by operation_aborted. The item, if there is one by then, is the next receiver's. So
    ///            race() can wait for several channels.
    asio::awaitable<std::optional<T>> async_receive() { return items_->async_receive(); }

    /// The same: a channel is an AsyncIterable.
    asio::awaitable<std::optional<T>> anext() { return items_->async_receive(); }

    // From everywhere.

    /// Takes no more items from now on. Whoever waits with one gets Errc::channel_closed. May be called again.
    ///
    /// Throws:    Errc::forked.
    void close() {
        items_->require_here();
        items_->close();
    }

    /// Whether close() has been called.
    bool is_closed() const {
        items_->require_here();
        return items_->read([](auto const& turns) { return turns.is_closed(); });
    }
    /// How many items are in it now.
    std::size_t size() const {
        items_->require_here();
        return items_->read([](auto const& turns) { return turns.items(); });
    }
    /// How many may be in it.
    std::size_t capacity() const noexcept { return items_->capacity(); }

private:
    template <std::integral N>
    static std::size_t checked(N capacity) {
        if (capacity <= 0)
            throw std::invalid_argument("Channel: the capacity must be positive");
        return static_cast<std::size_t>(capacity);
    }

    std::shared_ptr<Items> items_;
};

}  // namespace syncopate::inline v0_1

// ChannelItems: the state of a channel with its items: how they are put in and taken out.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/channel/channel_state.hpp>
#include <syncopate/detail/channel/channel_turns.hpp>
#include <syncopate/detail/channel/channel_waiters.hpp>
#include <syncopate/detail/intrusive_pointer.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/platform.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(cancellation_state.hpp)
#include SYNCOPATE_ASIO(post.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)
#include SYNCOPATE_ASIO(use_awaitable.hpp)

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Shared by the channel and by those who wait in it.
template <class T>
class ChannelItems final : public ChannelState,
                           public std::enable_shared_from_this<ChannelItems<T>> {
    // Under a lock nothing of the user's may throw, or take long.
    static constexpr bool is_stored_itself = std::is_nothrow_move_constructible_v<T>;
    using Stored = std::conditional_t<is_stored_itself, T, std::unique_ptr<T>>;

public:
    using ChannelState::ChannelState;

    /// done: the item has been sent, or received; for a receiver also that there will be none. tired: the loop is to
    /// do something else first. too_few: the other side is to go on first.
    enum class Try { done, must_wait, tired, too_few };
    /// By whom: a coroutine that never has to wait must not keep its loop from other things.
    enum class By { thread, patient_thread, coroutine };

    /// Moves from the item only if it has been sent. Throws: Errc::channel_closed.
    Try try_send(T& item, By by = By::thread) {
        require_here();
        if constexpr (is_stored_itself) {
            Lock const lock(sending_);
            if (!sending_.share.is_empty()) {
                if (is_tired(by, sending_))
                    return Try::tired;
                sent_.push_back(std::move(item));
                sending_.share.use_one();
                return Try::done;
            }
        }
        bool is_kept = false;
        auto const tried = change([&](Waiters& woken) {
            if (turns_.is_closed())
                throw_closed();
            if (by == By::patient_thread && is_patient(Side::sender))
                return Try::too_few;
            if (!turns_.may_send())
                return Try::must_wait;
            if (is_tired(by, sending_))
                return Try::tired;
            if constexpr (is_stored_itself) {
                sent_.push_back(std::move(item));
                turns_.added(woken);
            } else {
                turns_.keep_place();
                is_kept = true;
            }
            return Try::done;
        });
        if (is_kept)
            put_granted(item);
        return tried;
    }

    /// By a sender who was granted room. Throws: Errc::channel_closed if it has been closed since.
    void put_granted(T& item) {
        try {
            if constexpr (is_stored_itself)
                put([&] { sent_.push_back(std::move(item)); });
            else
                put_allocated(item);
        } catch (...) {
            give_up(Side::sender);
            throw;
        }
    }

    /// Fills the item, unless there will never be one.
    Try try_receive(std::optional<T>& item, By by = By::thread) {
        require_here();
        std::optional<Stored> stored;
        auto tried = try_receive_of_share(stored, by);
        if (tried == Try::must_wait)
            tried = change([&](Waiters& woken) {
                if (by == By::patient_thread && is_patient(Side::receiver))
                    return Try::too_few;
                if (!turns_.may_receive())
                    return turns_.is_drained() ? Try::done : Try::must_wait;
                if (is_tired(by, receiving_))
                    return Try::tired;
                take_first(stored);
                turns_.taken(woken);
                return Try::done;
            });
        unpack(stored, item);
        return tried;
    }

    /// By a receiver who was granted an item.
    void take_granted(std::optional<T>& item) {
        std::optional<Stored> stored;
        change([&](Waiters& woken) {
            take_first(stored);
            turns_.taken_by_granted(woken);
        });
        unpack(stored, item);
    }

    // By threads.

    /// Moves from the item only if it has been sent. Returns whether it was, before the deadline.
    bool send_until(Deadline deadline, T& item) {
        refuse_blocking_on_loop("async_send()");
        auto tried = try_send(item, By::patient_thread);
        if (tried == Try::too_few) {
            if (ChannelThread::may_be_patient(deadline))
                let_others_go_on(Side::sender);
            tried = try_send(item);
        }
        if (tried == Try::done)
            return true;
        ChannelThread thread(Side::sender);
        if (!thread.wait(*this, deadline))
            return false;
        if (thread.state() == State::ended)
            throw_closed();
        put_granted(item);
        return true;
    }
    std::optional<T> receive_until(Deadline deadline) {
        refuse_blocking_on_loop("async_receive()");
        std::optional<T> item;
        auto tried = try_receive(item, By::patient_thread);
        if (tried == Try::too_few) {
            if (ChannelThread::may_be_patient(deadline))
                let_others_go_on(Side::receiver);
            tried = try_receive(item);
        }
        if (tried == Try::done)
            return item;
        ChannelThread thread(Side::receiver);
        if (thread.wait(*this, deadline) && thread.state() == State::granted)
            take_granted(item);
        return item;
    }

    // By coroutines.

    asio::awaitable<void> async_send(T item) {
        auto tried = try_send(item, By::coroutine);
        if (tried == Try::done)
            co_return;
        auto const self = this->shared_from_this();
        if (tried == Try::tired) {
            co_await let_others_run();
            tried = try_send(item);
        }
        if (tried == Try::done)
            co_return;
        auto const task = co_await wait(self, Side::sender);
        if (task->state() == State::ended)
            throw_closed();
        if (task->state() != State::granted)
            throw_cancellation();
        put_granted(item);
    }
    asio::awaitable<std::optional<T>> async_receive() {
        std::optional<T> item;
        auto tried = try_receive(item, By::coroutine);
        if (tried == Try::done)
            co_return item;
        auto const self = this->shared_from_this();
        if (tried == Try::tired) {
            co_await let_others_run();
            tried = try_receive(item);
        }
        if (tried == Try::done)
            co_return item;
        auto const task = co_await wait(self, Side::receiver);
        if (task->state() == State::granted)
            take_granted(item);
        else if (task->state() != State::ended)
            throw_cancellation();
        co_return item;
    }

private:
    using TaskPointer = IntrusivePointer<ChannelTask>;

    static constexpr unsigned turns_until_tired = 256;

    /// Throws: operation_aborted if the coroutine has been cancelled meanwhile. A post cannot be cancelled, and
    /// whoever has lost a race must not take an item any more.
    static asio::awaitable<void> let_others_run() {
        namespace this_coro = asio::this_coro;
        auto const cancellation = co_await this_coro::cancellation_state;
        auto const before = cancellation.cancelled();
        co_await asio::post(asio::use_awaitable);  // one that a cancelled task can be made to throw
        if (cancellation.cancelled() != before)
            throw_cancellation();
    }

    static asio::awaitable<TaskPointer> wait(std::shared_ptr<ChannelState> channel, Side side) {
        asio::any_io_executor const executor = co_await asio::this_coro::executor;
        TaskPointer const task(new ChannelTask(executor, std::move(channel), side));
        co_await task->wait();
        co_return task;
    }

    template <class Store>
    void put(Store store) {
        change([&](Waiters& woken) {
            if (turns_.is_closed())
                throw_closed();
            store();
            turns_.added_by_granted(woken);
        });
    }
    void put_allocated(T& item) {
        auto stored = std::make_unique<T>(std::move(item));
        try {
            put([&] { sent_.push_back(std::move(stored)); });
        } catch (...) {
            if constexpr (std::is_move_assignable_v<T>)
                item = std::move(*stored);
            throw;
        }
    }

    /// Without a look at the senders. must_wait: it takes that look to tell.
    Try try_receive_of_share(std::optional<Stored>& stored, By by) noexcept {
        Lock const lock(receiving_);
        if (receiving_.share.is_empty())
            return Try::must_wait;
        if (is_tired(by, receiving_))
            return Try::tired;
        take_front(stored);
        receiving_.share.use_one();
        return Try::done;
    }
    /// Under both locks.
    void take_first(std::optional<Stored>& stored) noexcept {
        if (in_front_.empty()) {
            in_front_.swap(sent_);
            turns_.moved_to_front();
        }
        take_front(stored);
    }
    void take_front(std::optional<Stored>& stored) noexcept {
        stored.emplace(std::move(in_front_.front()));
        in_front_.pop_front();
    }
    static void unpack(std::optional<Stored>& stored, std::optional<T>& item) {
        if (!stored)
            return;
        if constexpr (is_stored_itself)
            item.emplace(std::move(*stored));
        else
            item.emplace(std::move(**stored));
    }

    /// Under the lock of the side.
    static bool is_tired(By by, SideState& side) noexcept {
        return by == By::coroutine && ++side.turns_without_waiting % turns_until_tired == 0;
    }

    std::deque<Stored> sent_;                          // the senders'
    alignas(cache_line) std::deque<Stored> in_front_;  // the receivers'; older than those
};

}  // namespace syncopate::inline v0_1::detail

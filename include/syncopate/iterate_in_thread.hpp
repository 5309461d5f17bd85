// iterate_in_thread(): a range that blocks as an asynchronous iterable: a worker thread pulls its items.
// IteratedInThread: that iterable.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/blocking_range.hpp>
#include <syncopate/channel.hpp>
#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/error/forced_unwind.hpp>
#include <syncopate/detail/group/child.hpp>
#include <syncopate/detail/group/loop_owned.hpp>
#include <syncopate/detail/group/nursery.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>
#include <syncopate/detail/work/function_work.hpp>
#include <syncopate/detail/work/offload.hpp>
#include <syncopate/detail/workers/pool_selection.hpp>
#include <syncopate/on_cancel.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <ranges>
#include <source_location>
#include <utility>

namespace syncopate::inline v0_1 {

namespace detail {

/// Shared with the worker, which may go on when the iterable has gone.
///
/// Memory order. The worker writes the error before it closes the channel, and whoever finds the end of that reads
/// it: the channel's lock is between them.
template <std::ranges::input_range R>
struct PulledRange {
    using Item = std::ranges::range_value_t<R>;

    PulledRange(R&& from, std::size_t ahead)
        : range(std::forward<R>(from)), items((std::max<std::size_t>)(ahead, 1)) {}

    /// On the worker: hands on what the range gives, until that ends, fails, or nobody wants more. Only
    /// pthread_exit() leaves it otherwise: then PullingChild closes the channel.
    void pull() {
        try {
            for (auto&& item : range.get()) {
                if (items.is_closed())
                    break;
                items.send(Item(std::forward<decltype(item)>(item)));
            }
        } catch (ForcedUnwind const&) {
            throw;
        } catch (...) {
            if (!items.is_closed())
                error = std::current_exception();
        }
        range.release();
        items.close();
    }

    OwnedOrRef<R> range;
    Channel<Item> items;
    std::exception_ptr error;
};

/// What the worker is to do.
template <class R>
struct Pull {
    std::shared_ptr<PulledRange<R>> pulled;

    void operator()() const { pulled->pull(); }
};

/// Where the loop ends, nobody takes items any more, but the iterable may go on to live: the worker is not to wait for
/// room, since the end of the loop waits for it.
template <class R>
class PullingWork final : public FunctionWork<Pull<R>> {
public:
    template <class... Args>
    explicit PullingWork(Pull<R>&& pull, Args&&... args)
        : FunctionWork<Pull<R>>(Pull<R>(pull), std::forward<Args>(args)...),
          pulled_(std::move(pull.pulled)) {}

private:
    void loop_has_ended() noexcept override { pulled_->items.close(); }

    std::shared_ptr<PulledRange<R>> const pulled_;
};

/// The coroutine that waits for the worker.
template <class R>
class PullingChild final : public TaskChild<asio::awaitable<void>> {
    using Task = asio::awaitable<void>;

public:
    PullingChild(Nursery& nursery, Task task, std::shared_ptr<PulledRange<R>> pulled)
        : TaskChild<Task>(nursery, OwnedOrRef<Task>(std::move(task))), pulled_(std::move(pulled)) {}

    asio::awaitable<void> begin() { return this->run_task(nullptr); }
    /// An error says that the worker has not been asked, or has not begun.
    void complete(std::exception_ptr error) noexcept {
        if (error && !pulled_->items.is_closed()) {
            pulled_->error = std::move(error);
            pulled_->items.close();
        }
    }

private:
    std::shared_ptr<PulledRange<R>> const pulled_;
};

/// Lives at one address, on the loop.
template <class R>
class Pulling {
public:
    using Item = typename PulledRange<R>::Item;

    Pulling(R&& range, std::size_t ahead, OnCancel on_cancel)
        : pulled_(std::make_shared<PulledRange<R>>(std::forward<R>(range), ahead)),
          on_cancel_(on_cancel) {}
    Pulling(Pulling const&) = delete;
    Pulling& operator=(Pulling const&) = delete;
    ~Pulling() {
        if (is_started_)
            leave();
    }

    /// Gives the next item. No Pulling is the end, and so is one that has been left.
    static asio::awaitable<std::optional<Item>> next(Pulling* pulling) {
        if (!pulling || pulling->is_left_)
            co_return std::nullopt;
        if (!pulling->is_started_) {
            auto const executor = co_await asio::this_coro::executor;
            pulling->tie_.begin(executor);
            pulling->is_started_ = true;
            pulling->nursery_.open(executor);
            pulling->start();
        }
        auto const pulled = pulling->pulled_;
        auto item = co_await pulled->items.async_receive();
        if (!item && pulled->error)
            std::rethrow_exception(std::exchange(pulled->error, nullptr));
        co_return item;
    }

    LoopTie const& tie() const noexcept { return tie_; }

    static asio::awaitable<void> close(Pulling* pulling) {
        if (!pulling)
            co_return;
        pulling->is_left_ = true;
        auto const leave = [pulling]() noexcept { pulling->leave(); };
        if (!std::exchange(pulling->is_started_, true))
            co_return pulling->pulled_->items.close();
        co_await pulling->nursery_.supervise(leave);
        pulling->tie_.end();
    }

private:
    void start() {
        try {
            nursery_.start<PullingChild<R>>(
                offload<Pull<R>, DefaultPool, PullingWork<R>>(
                    Pull<R>{pulled_}, DefaultPool(), on_cancel_, std::source_location::current()),
                pulled_);
        } catch (...) {
            pulled_->items.close();
            throw;
        }
    }

    void leave() noexcept {
        pulled_->items.close();
        nursery_.cancel();
    }

    std::shared_ptr<PulledRange<R>> const pulled_;
    OnCancel const on_cancel_;
    bool is_started_ = false;
    bool is_left_ = false;
    LoopTie tie_;
    Nursery nursery_;  // destroyed first
};

}  // namespace detail

/// The items of a blocking range, for coroutines: an AsyncIterable. Made by iterate_in_thread().
///
/// Threads:   every member on one loop (or strand), one at a time; the destructor on any.
template <std::ranges::input_range R>
class [[nodiscard]] IteratedInThread {
    using Pulling = detail::Pulling<R>;

public:
    using value_type = typename Pulling::Item;

    /// Starts nothing yet.
    IteratedInThread(R&& range, ReadAhead read_ahead, OnCancel on_cancel)
        : pulling_(std::in_place, std::forward<R>(range), read_ahead.count, on_cancel) {}
    IteratedInThread(IteratedInThread&&) noexcept = default;
    IteratedInThread& operator=(IteratedInThread&&) noexcept = default;
    ~IteratedInThread() = default;

    /// Gives the next item; nothing at the end. The first call has a worker of the runner's pool begin.
    ///
    /// Throws:    what the range throws, after the items before it; as to_thread().
    /// Cancel:    ends the wait by operation_aborted. No item is lost.
    asio::awaitable<std::optional<value_type>> anext() { return Pulling::next(pulling_.get()); }

    /// Leaves the range: the worker stops at its next item, or at once if it waits for room. Waits for it, unless
    /// OnCancel::abandon was given. Then nothing more comes, also of what the worker has read ahead.
    asio::awaitable<void> aclose() { return Pulling::close(pulling_.get()); }

private:
    detail::LoopOwned<Pulling> pulling_;  // null: moved from, and at its end
};

/// Makes an asynchronous iterable of a range that blocks: a worker thread pulls the items, and the loop goes on.
///
/// ```cpp
/// auto lines = iterate_in_thread(std::views::istream<std::string>(file));
/// while (auto line = co_await lines.anext()) co_await send(*line);
/// ```
///
/// range:     an rvalue is owned, and destroyed on the worker; an lvalue is used in place, and must be there until the
///            end, or until aclose() has returned.
/// read_ahead: how many items may wait that nobody has taken; at least one.
/// on_cancel: what aclose() does while the range blocks: waits for the item that is being made, or leaves the worker
///            to itself, which then must own all that it touches.
/// Returns:   an AsyncIterable of the range's values. Items of an lvalue's are copied, unless the range gives rvalues.
/// Semantics: Starlette's iterate_in_threadpool, with read-ahead.
template <std::ranges::input_range R>
    requires std::constructible_from<
                 std::ranges::range_value_t<R>,
                 std::ranges::range_reference_t<R>> &&
             std::move_constructible<std::ranges::range_value_t<R>>
IteratedInThread<R> iterate_in_thread(
    R&& range, ReadAhead read_ahead = ReadAhead{64}, OnCancel on_cancel = OnCancel::wait) {
    return {std::forward<R>(range), read_ahead, on_cancel};
}

}  // namespace syncopate::inline v0_1

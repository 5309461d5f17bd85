// Who is behind a task, told by its executor: so it reaches all that the task starts.
#pragma once

#include <syncopate/detail/task/blocked_worker.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <type_traits>
#include <utility>

namespace syncopate::detail {

class WorkPlace;

/// A thread that is blocked until a task has ended.
struct BlockedThread {
    /// What it waits for. Identifies the call.
    void const* word = nullptr;
    /// Where functions are handed to it while it waits, if it takes any.
    WorkPlace* errands = nullptr;
    /// Set if it is a worker of a pool.
    BlockedWorkerPointer worker;
};

/// The thread that is blocked on a task, as the task, and what it starts, find it. Shared by the
/// executors that name it, which may outlive the task: then nobody is blocked on them.
class Origin : public boost::intrusive_ref_counter<Origin, boost::thread_safe_counter> {
public:
    /// within: of the task whose work is done on the thread that will be blocked.
    explicit Origin(boost::intrusive_ptr<Origin> within = nullptr) noexcept
        : within_(std::move(within)) {}

    /// As long as the task runs. On the loop.
    void set_thread(BlockedThread const* thread) noexcept { thread_ = thread; }

    /// The thread that waits for this task, or null. On the loop.
    BlockedThread const* thread() const noexcept { return thread_; }

    /// The nearest one that takes functions while it waits, or null. On the loop.
    BlockedThread const* serving_thread() const noexcept {
        for (auto const* origin = this; origin; origin = origin->within_.get())
            if (origin->thread_ && origin->thread_->errands)
                return origin->thread_;
        return nullptr;
    }

private:
    BlockedThread const* thread_ = nullptr;
    boost::intrusive_ptr<Origin> const within_;
};

using OriginPointer = boost::intrusive_ptr<Origin>;

/// Passes everything on to `Inner`, and names an origin.
template <class Inner>
class OriginExecutor {
public:
    OriginExecutor(Inner inner, OriginPointer origin) noexcept
        : inner_(std::move(inner)), origin_(std::move(origin)) {}

    // An executor's copies must not throw, and Boost's pointer does not promise what it keeps.
    OriginExecutor(OriginExecutor const&) noexcept = default;
    OriginExecutor(OriginExecutor&&) noexcept = default;
    OriginExecutor& operator=(OriginExecutor const&) noexcept = default;
    OriginExecutor& operator=(OriginExecutor&&) noexcept = default;
    ~OriginExecutor() = default;

    Inner const& inner() const noexcept { return inner_; }
    OriginPointer const& origin() const noexcept { return origin_; }

    template <class Property>
    auto query(Property const& property) const noexcept
        -> decltype(boost::asio::query(std::declval<Inner const&>(), property)) {
        return boost::asio::query(inner_, property);
    }

    template <class Property>
    auto require(Property const& property) const noexcept -> OriginExecutor<
        std::decay_t<decltype(boost::asio::require(std::declval<Inner const&>(), property))>> {
        return {boost::asio::require(inner_, property), origin_};
    }

    template <class Property>
    auto prefer(Property const& property) const noexcept -> OriginExecutor<
        std::decay_t<decltype(boost::asio::prefer(std::declval<Inner const&>(), property))>> {
        return {boost::asio::prefer(inner_, property), origin_};
    }

    template <class Function>
    void execute(Function&& function) const {
        inner_.execute(std::forward<Function>(function));
    }

    friend bool operator==(OriginExecutor const& a, OriginExecutor const& b) noexcept {
        return a.inner_ == b.inner_ && a.origin_ == b.origin_;
    }

private:
    Inner inner_;
    OriginPointer origin_;
};

using IoExecutor = boost::asio::io_context::executor_type;
using OriginIoExecutor = OriginExecutor<IoExecutor>;
using OriginAnyExecutor = OriginExecutor<boost::asio::any_io_executor>;

/// The origin that an executor names, or null.
inline OriginPointer origin_of(boost::asio::any_io_executor const& executor) noexcept {
    if (auto const* direct = executor.target<OriginIoExecutor>())
        return direct->origin();
    if (auto const* wrapped = executor.target<OriginAnyExecutor>())
        return wrapped->origin();
    if (auto const* strand = executor.target<boost::asio::strand<boost::asio::any_io_executor>>())
        return origin_of(strand->get_inner_executor());
    return nullptr;
}

/// The executor without the origin that it names, if it names one.
inline boost::asio::any_io_executor without_origin(
    boost::asio::any_io_executor const& executor) noexcept {
    if (auto const* direct = executor.target<OriginIoExecutor>())
        return direct->inner();
    if (auto const* wrapped = executor.target<OriginAnyExecutor>())
        return wrapped->inner();
    return executor;
}

/// The executor that strands and origins are wrapped around.
inline boost::asio::any_io_executor without_strand(
    boost::asio::any_io_executor const& executor) noexcept {
    using boost::asio::strand;
    using PoolExecutor = boost::asio::thread_pool::executor_type;
    auto inner = without_origin(executor);
    if (auto const* const of_any = inner.target<strand<boost::asio::any_io_executor>>())
        return without_strand(of_any->get_inner_executor());
    if (auto const* const of_io = inner.target<strand<IoExecutor>>())
        return of_io->get_inner_executor();
    if (auto const* const of_pool = inner.target<strand<PoolExecutor>>())
        return of_pool->get_inner_executor();
    return inner;
}

/// The executor, naming this origin instead of the one that it may name.
inline boost::asio::any_io_executor with_origin(
    boost::asio::any_io_executor const& executor, OriginPointer origin) {
    auto inner = without_origin(executor);
    if (auto const* io = inner.target<IoExecutor>())
        return OriginIoExecutor(*io, std::move(origin));
    return OriginAnyExecutor(std::move(inner), std::move(origin));
}

/// Whether what runs on the executor runs on its io_context directly, and not on a strand.
inline bool runs_on_io_context(boost::asio::any_io_executor const& executor) noexcept {
    return executor.target<IoExecutor>() || executor.target<OriginIoExecutor>();
}

}  // namespace syncopate::detail

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

class WorkExecutor;

/// A thread that is blocked until a task has ended.
struct BlockedThread {
    /// What it waits for. Identifies the call.
    void const* word = nullptr;
    /// Where functions are handed to it while it waits, if it takes any.
    WorkExecutor* caller_queue = nullptr;
    /// Set if it is a worker of a pool.
    BlockedWorkerPointer worker;
};

/// The thread that is blocked on a task, as the task, and what it starts, find it. Shared by the
/// executors that name it, which may outlive the task: then nobody is blocked on them.
class CallerLink : public boost::intrusive_ref_counter<CallerLink, boost::thread_safe_counter> {
public:
    /// within: of the task whose work is done on the thread that will be blocked.
    explicit CallerLink(boost::intrusive_ptr<CallerLink> within = nullptr) noexcept
        : within_(std::move(within)) {}

    /// As long as the task runs. On the loop.
    void set_thread(BlockedThread const* thread) noexcept { thread_ = thread; }

    /// The thread that waits for this task, or null. On the loop.
    BlockedThread const* thread() const noexcept { return thread_; }

    /// The nearest one that takes functions while it waits, or null. On the loop.
    BlockedThread const* serving_thread() const noexcept {
        for (auto const* caller = this; caller; caller = caller->within_.get())
            if (caller->thread_ && caller->thread_->caller_queue)
                return caller->thread_;
        return nullptr;
    }

private:
    BlockedThread const* thread_ = nullptr;
    boost::intrusive_ptr<CallerLink> const within_;
};

using CallerLinkPointer = boost::intrusive_ptr<CallerLink>;

/// Passes everything on to `Inner`, and names an origin.
template <class Inner>
class CallerExecutor {
public:
    CallerExecutor(Inner inner, CallerLinkPointer caller) noexcept
        : inner_(std::move(inner)), caller_(std::move(caller)) {}

    // An executor's copies must not throw, and Boost's pointer does not promise what it keeps.
    CallerExecutor(CallerExecutor const&) noexcept = default;
    CallerExecutor(CallerExecutor&&) noexcept = default;
    CallerExecutor& operator=(CallerExecutor const&) noexcept = default;
    CallerExecutor& operator=(CallerExecutor&&) noexcept = default;
    ~CallerExecutor() = default;

    Inner const& inner() const noexcept { return inner_; }
    CallerLinkPointer const& caller() const noexcept { return caller_; }

    template <class Property>
    auto query(Property const& property) const noexcept
        -> decltype(boost::asio::query(std::declval<Inner const&>(), property)) {
        return boost::asio::query(inner_, property);
    }

    template <class Property>
    auto require(Property const& property) const noexcept -> CallerExecutor<
        std::decay_t<decltype(boost::asio::require(std::declval<Inner const&>(), property))>> {
        return {boost::asio::require(inner_, property), caller_};
    }

    template <class Property>
    auto prefer(Property const& property) const noexcept -> CallerExecutor<
        std::decay_t<decltype(boost::asio::prefer(std::declval<Inner const&>(), property))>> {
        return {boost::asio::prefer(inner_, property), caller_};
    }

    template <class Function>
    void execute(Function&& function) const {
        inner_.execute(std::forward<Function>(function));
    }

    friend bool operator==(CallerExecutor const& a, CallerExecutor const& b) noexcept {
        return a.inner_ == b.inner_ && a.caller_ == b.caller_;
    }

private:
    Inner inner_;
    CallerLinkPointer caller_;
};

using IoExecutor = boost::asio::io_context::executor_type;
using CallerIoExecutor = CallerExecutor<IoExecutor>;
using CallerAnyExecutor = CallerExecutor<boost::asio::any_io_executor>;

/// The origin that an executor names, or null.
inline CallerLinkPointer caller_of(boost::asio::any_io_executor const& executor) noexcept {
    if (auto const* direct = executor.target<CallerIoExecutor>())
        return direct->caller();
    if (auto const* wrapped = executor.target<CallerAnyExecutor>())
        return wrapped->caller();
    if (auto const* strand = executor.target<boost::asio::strand<boost::asio::any_io_executor>>())
        return caller_of(strand->get_inner_executor());
    return nullptr;
}

/// The executor without the origin that it names, if it names one.
inline boost::asio::any_io_executor without_caller(
    boost::asio::any_io_executor const& executor) noexcept {
    if (auto const* direct = executor.target<CallerIoExecutor>())
        return direct->inner();
    if (auto const* wrapped = executor.target<CallerAnyExecutor>())
        return wrapped->inner();
    return executor;
}

/// The executor that strands and origins are wrapped around.
inline boost::asio::any_io_executor without_strand(
    boost::asio::any_io_executor const& executor) noexcept {
    using boost::asio::strand;
    using PoolExecutor = boost::asio::thread_pool::executor_type;
    auto inner = without_caller(executor);
    if (auto const* const of_any = inner.target<strand<boost::asio::any_io_executor>>())
        return without_strand(of_any->get_inner_executor());
    if (auto const* const of_io = inner.target<strand<IoExecutor>>())
        return of_io->get_inner_executor();
    if (auto const* const of_pool = inner.target<strand<PoolExecutor>>())
        return of_pool->get_inner_executor();
    return inner;
}

/// The executor, naming this origin instead of the one that it may name.
inline boost::asio::any_io_executor with_caller(
    boost::asio::any_io_executor const& executor, CallerLinkPointer caller) {
    auto inner = without_caller(executor);
    if (auto const* io = inner.target<IoExecutor>())
        return CallerIoExecutor(*io, std::move(caller));
    return CallerAnyExecutor(std::move(inner), std::move(caller));
}

/// Whether what runs on the executor runs on its io_context directly, and not on a strand.
inline bool runs_on_io_context(boost::asio::any_io_executor const& executor) noexcept {
    return executor.target<IoExecutor>() || executor.target<CallerIoExecutor>();
}

}  // namespace syncopate::detail

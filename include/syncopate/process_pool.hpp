// ProcessPool: processes that call functions for coroutines. run_in_executor(): has one of them call a function.
#pragma once

#if !__has_include(<sys/prctl.h>)
#error "syncopate/process_pool.hpp needs Linux: elsewhere take to_thread() or a WorkerPool."
#include <the-error-above-says-what-is-missing>
#endif

#include <syncopate/asio.hpp>
#include <syncopate/detail/intrusive_pointer.hpp>
#include <syncopate/detail/process/process_server.hpp>
#include <syncopate/detail/process/remote_call.hpp>
#include <syncopate/detail/process/remote_function.hpp>
#include <syncopate/detail/process/serialization.hpp>
#include <syncopate/detail/process/worker_processes.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/kept_for_ever.hpp>
#include <syncopate/error.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <source_location>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1 {

/// A type that Boost.Serialization can write and read: numbers, enumerations, strings, the standard containers of such, and
/// classes with a function serialize(). Not pointers and views: what they refer to is in another process.
template <class T>
concept Serializable = detail::is_serializable<std::remove_cv_t<T>>;

/// A plain function, or a lambda that captures nothing and is no template.
template <class F>
concept PlainFunction = requires { typename detail::SignatureOf<F>::Result; };

/// Each parameter is Serializable, default-constructible and movable. It is no reference to what the function could
/// change, since that would be a copy.
template <class F>
concept SerializableParameters =
    detail::SignatureOf<F>::has_serializable_parameters && !detail::SignatureOf<F>::has_output;

/// The result is void, or Serializable and default-constructible.
template <class F>
concept SerializableResult = std::is_void_v<typename detail::SignatureOf<F>::Result> ||
                             (Serializable<typename detail::SignatureOf<F>::Result> &&
                              std::default_initializable<typename detail::SignatureOf<F>::Result>);

/// There is an argument for each parameter, also for those that have a default, and it can be converted to that.
template <class F, class... Args>
concept TakesArguments = detail::SignatureOf<F>::template takes<Args...>();

/// The settings of a ProcessPool. Each setter returns the object; called without an argument, it reads.
class ProcessPoolOptions {
public:
    ProcessPoolOptions() = default;

    /// Names the pool in messages. Default: "ProcessPool".
    ProcessPoolOptions& name(std::string value) {
        name_ = std::move(value);
        return *this;
    }
    std::string const& name() const noexcept { return name_; }

    /// The largest number of processes. Zero: the default, the number of cores.
    ProcessPoolOptions& max_workers(std::size_t value) {
        max_workers_ = value;
        return *this;
    }
    std::size_t max_workers() const noexcept {
        return max_workers_ != 0 ? max_workers_
                                 : (std::max)(std::thread::hardware_concurrency(), 1U);
    }

    /// How many functions one process calls before another takes its place, which bounds what they leak. Zero, the
    /// default: any number.
    ProcessPoolOptions& max_tasks_per_worker(std::size_t value) {
        max_tasks_per_worker_ = value;
        return *this;
    }
    std::size_t max_tasks_per_worker() const noexcept { return max_tasks_per_worker_; }

private:
    std::string name_ = "ProcessPool";
    std::size_t max_workers_ = 0;
    std::size_t max_tasks_per_worker_ = 0;
};

class ProcessPool;

namespace detail {
std::shared_ptr<WorkerProcesses> const& processes_of(ProcessPool const& pool) noexcept;
}

/// Processes that call functions for coroutines, see run_in_executor(): functions that may crash, leak, or never end.
///
/// A process is made when there is work and none is idle. Work beyond the maximum waits, first come, first served. A
/// process is a fork of this program as it was when the first pool was made, or prepare() was called: it has the
/// values that global variables had then, and no other descriptor than the program's output and error output.
///
/// A process that ends by itself, or is killed, takes the one call with it that it had begun; another process takes
/// its place.
///
/// In the child of a fork, a pool that was made before it throws Errc::forked, and its destructor does nothing.
///
/// Blocks:    the destructor kills what runs, whose calls fail with Errc::runner_closed, and waits until all
///            processes have ended. To wait for what runs, close() the pool first.
/// Threads:   every member from any thread. Any number of loops may share a pool.
/// Semantics: `concurrent.futures.ProcessPoolExecutor`; but a crash breaks one call and not the pool, a call that
///            runs can be cancelled, and the processes are made early.
class ProcessPool {
public:
    /// The settings of a pool.
    using Options = ProcessPoolOptions;

    /// Makes a pool with the default settings. No worker is made yet.
    ///
    /// Throws:    as prepare().
    ProcessPool() : ProcessPool(Options()) {}
    /// Makes a pool with at most this many processes. No worker is made yet.
    ///
    /// Throws:    std::invalid_argument if max_workers is not positive; as prepare().
    template <std::integral N>
    explicit ProcessPool(N max_workers)
        : ProcessPool(Options().max_workers(checked(max_workers))) {}
    /// Makes a pool with these settings. No worker is made yet.
    ///
    /// Throws:    as prepare().
    explicit ProcessPool(Options options)
        : processes_(std::make_shared<detail::WorkerProcesses>(detail::WorkerProcesses::Settings{
              options.name(), options.max_workers(), options.max_tasks_per_worker()})) {}
    ProcessPool(ProcessPool const&) = delete;
    ProcessPool& operator=(ProcessPool const&) = delete;
    ~ProcessPool() {
        if (processes_->was_forked()) {
            detail::keep_for_ever(processes_);
            return;
        }
        processes_->close(detail::WorkerProcesses::Running::killed, detail::no_deadline);
    }

    /// Makes the small process from which the workers of all pools are forked, and keeps it as long as this program
    /// runs: from then on pools can be made at any time, also when the program has threads. Called at the beginning
    /// of main(). A second time it does nothing.
    ///
    /// Throws:    std::system_error with std::errc::operation_not_permitted if the program has threads already, with
    ///            a text that says what to do: the locks that they hold would stay locked in the new process.
    ///            std::system_error if the system has no process or descriptor to give.
    static void prepare() { detail::ProcessServer::keep(); }

    /// Refuses the calls that have not begun, and all that come later, with Errc::runner_closed. A second time it
    /// only waits.
    ///
    /// Blocks:    until the functions that run have returned, and all processes have ended.
    void close() {
        processes_->require_here();
        processes_->close(detail::WorkerProcesses::Running::awaited, detail::no_deadline);
    }

    /// Closes as close() does, and waits for this time at most.
    ///
    /// Returns:   false if a function still ran when the time was up: kill() ends it.
    template <class Rep, class Period>
    [[nodiscard]] bool close_for(std::chrono::duration<Rep, Period> timeout) {
        processes_->require_here();
        return processes_->close(
            detail::WorkerProcesses::Running::awaited, detail::deadline_after(timeout));
    }

    /// Closes the pool, and kills the functions that run: their calls fail with Errc::runner_closed.
    ///
    /// Blocks:    until all processes have ended.
    void kill() {
        processes_->require_here();
        processes_->close(detail::WorkerProcesses::Running::killed, detail::no_deadline);
    }

    /// The largest number of processes.
    std::size_t max_workers() const noexcept { return processes_->settings().max_workers; }

    /// The number of processes now, idle ones included.
    std::size_t size() const {
        processes_->require_here();
        return processes_->size();
    }

private:
    friend std::shared_ptr<detail::WorkerProcesses> const& detail::processes_of(
        ProcessPool const& pool) noexcept;

    template <std::integral N>
    static std::size_t checked(N max_workers) {
        if (max_workers <= 0)
            throw std::invalid_argument("ProcessPool: max_workers must be positive");
        return static_cast<std::size_t>(max_workers);
    }

    std::shared_ptr<detail::WorkerProcesses> const processes_;
};

namespace detail {

inline std::shared_ptr<WorkerProcesses> const& processes_of(ProcessPool const& pool) noexcept {
    return pool.processes_;
}

/// A pool, and where it was named: no parameter can follow those of the function.
struct ProcessPoolAt {
    // NOLINTNEXTLINE(google-explicit-constructor): it stands for the pool
    ProcessPoolAt(
        ProcessPool& its_pool, std::source_location its_site = std::source_location::current())
        : pool(its_pool), where(its_site) {}

    ProcessPool& pool;
    std::source_location where;
};

template <class R>
asio::awaitable<R> call_in_process(
    std::shared_ptr<WorkerProcesses> processes,
    RemoteFunction function,
    Bytes arguments,
    std::source_location where) {
    asio::any_io_executor executor = co_await asio::this_coro::executor;
    IntrusivePointer<RemoteCall> const call(
        new RemoteCall(executor, std::move(processes), function, std::move(arguments), where));
    co_await call->wait();
    Bytes const& result = call->take_result();
    if constexpr (!std::is_void_v<R>) {
        R value{};
        load(result.data(), result.size(), value);
        co_return value;
    }
}

}  // namespace detail

/// Calls a plain function in another process, and gives what it returns. The loop goes on meanwhile.
///
/// ```cpp
/// double const area = co_await run_in_executor(pool, simulate, "wing", 1'000'000);
/// ```
///
/// pool:      need not live until the function has returned.
/// function:  a function of this program, or of a library that was loaded when the pool was prepared; or a lambda
///            that captures nothing. It may call anything, also runners of its own: the process has one thread, and
///            nothing else to do.
/// args:      one for each parameter. They are converted to the parameters' types and written here and now.
/// Throws:    std::runtime_error with the text of what the function throws. The process has ended ->
///            Errc::worker_lost, with the signal or the status in its text. The pool is closed, or killed ->
///            Errc::runner_closed. The function's library is not in the workers -> std::system_error with
///            std::errc::operation_not_permitted, at once. No process can be made -> std::system_error.
/// Cancel:    a function that has not begun is not called, and the task goes on at once. One that runs is killed with
///            its process, and with what that has started; then the task ends by operation_aborted.
/// Threads:   in a coroutine whose executor runs one handler at a time. The coroutine goes on there.
/// Semantics: `loop.run_in_executor` with a ProcessPoolExecutor; cancellation as in
///            `anyio.to_process.run_sync(cancellable=True)`.
template <PlainFunction F, class... Args>
    requires SerializableParameters<F> && SerializableResult<F> && TakesArguments<F, Args...>
asio::awaitable<detail::RemoteResult<F>> run_in_executor(
    detail::ProcessPoolAt pool, F&& function, Args&&... args) {
    using Signature = detail::SignatureOf<F>;
    auto const& processes = detail::processes_of(pool.pool);
    processes->require_here();
    detail::RemoteFunction const remote = Signature::remote(+function);
    processes->require_loaded(remote);
    return detail::call_in_process<detail::RemoteResult<F>>(
        processes, remote, Signature::arguments(std::forward<Args>(args)...), pool.where);
}

}  // namespace syncopate::inline v0_1

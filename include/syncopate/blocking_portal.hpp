// BlockingPortal: lets synchronous code call into an event loop that somebody else runs.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/loop/portal_loop.hpp>
#include <syncopate/options.hpp>
#include <syncopate/runner_base.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(execution/executor.hpp)
#include SYNCOPATE_ASIO(execution_context.hpp)

#include <concepts>
#include <memory>
#include <utility>

namespace syncopate::inline v0_1 {

/// An executor of Asio's, as `asio::any_io_executor` takes it.
template <class E>
concept PortalExecutor =
    asio::execution::is_executor<E>::value && std::convertible_to<E, asio::any_io_executor>;

/// Lets synchronous code call into a loop that it does not own: an io_context, a strand, a thread_pool.
/// Its operations are those of RunnerBase.
///
/// All that goes through one portal runs serially, on a strand, however many threads run the executor:
/// to its tasks the portal is one loop. What must run in parallel takes several portals.
///
/// The execution context must live until the portal is closed, and run until then whatever was started
/// through it. A call from a thread that runs the executor throws DeadlockError if no other thread of
/// the executor is left to run the task. A thread_pool tells how many there are; to an io_context a handler is
/// posted, to see whether another thread runs it.
///
/// Blocks:    the destructor, as that of ThreadRunner; not at all if nothing is under way.
/// Threads:   every member from any thread.
/// Semantics: `anyio.from_thread.BlockingPortal`.
class BlockingPortal : public RunnerBase {
public:
    /// The settings, which are the same for every runner.
    using Options = syncopate::Options;
    using executor_type = asio::any_io_executor;

    /// Makes a portal to the execution context of this executor.
    ///
    /// executor:  copied. If it is a strand, the portal's tasks run on that strand; if not, the portal makes
    ///            one.
    template <PortalExecutor Executor>
    explicit BlockingPortal(Executor const& executor, Options options = {})
        : BlockingPortal(Made(), detail::PortalLoop::create(executor, std::move(options))) {}

    /// Makes a portal to this execution context, which must outlive the portal's close().
    template <std::derived_from<asio::execution_context> Context>
    explicit BlockingPortal(Context& context, Options options = {})
        : BlockingPortal(context.get_executor(), std::move(options)) {}

    /// Gives the strand on which the portal's tasks run. A copy must not outlive the execution context.
    ///
    /// Throws:    Errc::runner_closed after close().
    executor_type get_executor() const { return loop_.open_executor(); }

private:
    struct Made {};

    BlockingPortal(Made, std::shared_ptr<detail::PortalLoop> loop)
        : RunnerBase(loop), loop_(*loop) {}

    detail::PortalLoop& loop_;
};

}  // namespace syncopate::inline v0_1

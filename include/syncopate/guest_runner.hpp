// GuestRunner: runs coroutines on the thread of somebody else's event loop, of a window or a game.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/guest/guest_host.hpp>
#include <syncopate/detail/guest/guest_thread.hpp>
#include <syncopate/detail/loop/loop_threads.hpp>
#include <syncopate/detail/loop/portal_loop.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/error.hpp>
#include <syncopate/options.hpp>
#include <syncopate/runner_base.hpp>
#include <syncopate/task_info.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(io_context.hpp)
#include SYNCOPATE_ASIO(post.hpp)
#include SYNCOPATE_ASIO(steady_timer.hpp)

#include <algorithm>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1 {

/// Runs coroutines on the thread of a host's own event loop: GLib's, Qt's, that of Win32, the main loop of a game. A
/// thread of its own waits for input, output and timers, and does nothing else. Its operations are those of RunnerBase.
/// What tasks do without waiting shares a turn of the host, which gets control after 0.1 ms, or when a longer step has ended.
///
/// On the host's thread what blocks throws DeadlockError, unless the runner can turn the host's loop meanwhile;
/// start_soon() and run_as_future() do not block. In a task it always does: co_await.
///
/// Blocks:    the destructor, as that of ThreadRunner, from other threads. On the host's it does not wait, and what is
///            under way is cancelled by and by, as the host goes on.
///            A host that drops a function without calling it, or throws when it is given one, has ended: whoever waits
///            gets Errc::loop_failed. So has one that calls nothing for Options::close_timeout while the destructor
///            waits; for a second, if no task has begun. Until then one cannot tell it from a host that is busy: a
///            call that has not begun comes back from run_for() in time, and one that has begun when the host goes on.
/// Threads:   every member from any thread.
/// Semantics: trio's guest mode; anyio's BlockingPortal for the other threads.
class GuestRunner : private detail::GuestEnd, public RunnerBase {
public:
    /// The settings, which are the same for every runner.
    using Options = syncopate::Options;
    using executor_type = asio::any_io_executor;

    /// What the host is to call, once, on its thread.
    using Function = std::function<void()>;

    /// Makes a runner. On the host's thread, if it is given `turn`, or used there before the host has called a function.
    ///
    /// post:      queues a function in the host's loop, and returns. Called from any thread, until the runner has closed
    ///            and what it has queued has been called or dropped. What it throws goes to Options::on_error.
    /// turn:      turns the host's loop once: waits for an event, and handles it. Then a blocking call on the host's
    ///            thread does so until it has ended. It must not throw.
    /// Throws:    std::system_error if the system has no thread to give.
    explicit GuestRunner(
        std::function<void(Function)> post, std::function<void()> turn = {}, Options options = {})
        : GuestRunner(make(std::move(post), std::move(turn), std::move(options))) {}

    ~GuestRunner() {
        if (!host_->may_be_here() && loop_.is_usable_here() && !loop_.is_closed())
            watch_host();
        thread_->wait_if_host_has_ended();
    }

    /// Gives the executor on which tasks run, one after another. A copy must not outlive the runner.
    ///
    /// Throws:    Errc::runner_closed after close().
    executor_type get_executor() const { return loop_.open_executor(); }

private:
    struct Made {
        std::shared_ptr<detail::PortalLoop> loop;
        std::shared_ptr<detail::GuestThread> thread;
        std::shared_ptr<detail::GuestHost> host;
    };

    explicit GuestRunner(Made made)
        : GuestEnd(std::move(made.thread)), RunnerBase(made.loop), loop_(*made.loop),
          host_(std::move(made.host)) {}

    static Made make(
        std::function<void(Function)> post, std::function<void()> turn, Options options) {
        if (options.name().empty())
            options.name("GuestRunner");
        auto const host = std::make_shared<detail::GuestHost>(std::move(post));
        auto const thread = std::make_shared<detail::GuestThread>(host, options.name());
        auto& context = *thread->context();
        host->set_context(context);
        detail::HostExecutor const executor(host);

        detail::LoopThreads threads{[host] { return host->may_be_here(); }, 1};
        threads.wait_for_this_one = [host] { return host->is_here(); };
        threads.post = [host](detail::ThreadProbe::Handler handler) {
            host->execute(std::move(handler));
        };
        auto loop = detail::PortalLoop::create(executor, std::move(options), std::move(threads));
        host->set_callbacks({
            [weak = std::weak_ptr(loop)](std::exception_ptr error) {
                if (auto const there = weak.lock())
                    there->report(std::move(error));
            },
            detail::GuestThread::ender(
                *thread,
                [weak = std::weak_ptr(loop)](std::exception_ptr const& why) {
                    auto const there = weak.lock();
                    if (there && why)
                        there->report(why);
                    if (there)
                        there->fail();
                }),
            thread->context(),
        });
        if (turn)
            loop->set_turning({std::move(turn), [host, &context](detail::Deadline deadline) {
                                   wake(host, context, deadline);
                               }});
        loop->keep(thread);
        loop->require_here();  // the child of a fork does not have the thread
        return {loop, thread, host};
    }

    /// Nobody is left who could have a host go on that calls nothing any more: it counts as ended after a while.
    void watch_host() noexcept {
        try {
            thread_->watch([weak = loop_.weak_from_this()]() -> detail::GuestThread::Patience {
                auto const loop = weak.lock();
                auto const tasks = loop ? loop->tasks() : std::vector<TaskInfo>();
                std::chrono::nanoseconds const at_least = std::chrono::seconds(1);
                if (std::ranges::all_of(tasks, [](TaskInfo const& task) {
                        return task.state == TaskState::queued;
                    }))
                    return {at_least, nullptr};
                auto const& options = loop->options();
                return {
                    (std::max)(at_least, options.close_timeout()),
                    std::make_exception_ptr(std::system_error(
                        make_error_code(Errc::loop_failed),
                        options.name() + ": the host does not call functions any more"))};
            });
        } catch (...) {
            // Without memory it is waited for.
        }
    }

    static void wake(
        std::shared_ptr<detail::GuestHost> host,
        asio::io_context& context,
        detail::Deadline deadline) {
        auto const timer = std::make_shared<asio::steady_timer>(context, deadline);
        timer->async_wait([timer, host = std::move(host)](auto const& error) {
            if (!error)
                host->execute([] {});
        });
    }

    detail::PortalLoop& loop_;
    std::shared_ptr<detail::GuestHost> const host_;
};

}  // namespace syncopate::inline v0_1

// GuestThread: waits for input, output and timers, which the host of a GuestRunner does not know. GuestEnd: waits for that
// thread.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/guest/guest_host.hpp>
#include <syncopate/detail/system/forks.hpp>
#include <syncopate/detail/threads/thread.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>

#include SYNCOPATE_ASIO(executor_work_guard.hpp)
#include SYNCOPATE_ASIO(io_context.hpp)
#include SYNCOPATE_ASIO(post.hpp)
#include SYNCOPATE_ASIO(steady_timer.hpp)

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Belongs to the loop, and ends with it, on whatever thread that is. The io_context goes with the last of both.
class GuestThread {
    // execution_context::shutdown() is for derived classes.
    struct Context : asio::io_context {
        using asio::io_context::io_context;
        using execution_context::shutdown;
    };

public:
    /// Throws: std::system_error if the system has no thread to give.
    GuestThread(std::shared_ptr<GuestHost> host, std::string name)
        : host_(std::move(host)),
          thread_(start_thread([context = context_, end = end_, name = std::move(name)] {
              name_this_thread(name);
              context->run();
              if (end->come())
                  context->shutdown();  // whoever waits for what is pending is told
              end->all_know.set();
          })) {}
    GuestThread(GuestThread const&) = delete;
    GuestThread& operator=(GuestThread const&) = delete;
    ~GuestThread() {
        host_->close();
        context_->stop();
        if (thread_.get_id() == std::this_thread::get_id())
            thread_.detach();
        else
            thread_.join();
    }

    std::shared_ptr<asio::io_context> context() const noexcept { return context_; }

    /// Of a host that has ended: until all have been told of it.
    void wait_if_host_has_ended() noexcept {
        if (host_->is_closed() && made_in_ == this_process() &&
            thread_.get_id() != std::this_thread::get_id())
            end_->all_know.wait();
    }

    /// Has the thread call f, which fails whatever waits for the host, and then destroy what is pending. For a host
    /// that has dropped a function; nothing is known of its state.
    template <class F>
    static auto ender(GuestThread& thread, F f) {
        return [context = std::weak_ptr<Context>(thread.context_), end = thread.end_,
                f](std::shared_ptr<void> dropped, std::exception_ptr why) {
            auto const there = context.lock();
            if (!there)
                return;
            std::lock_guard const lock(end->mutex);
            if (end->has_come)
                return;  // what is dropped has nobody to tell
            asio::post(*there, [raw = there.get(), end, f, why, dropped = std::move(dropped)] {
                f(why);
                end->is_of_host = true;
                raw->stop();
            });
        };
    }

    /// How long a host may call nothing, and with which error it has ended then.
    struct Patience {
        std::chrono::nanoseconds limit;
        std::exception_ptr why;  // null: nobody would miss it
    };

    /// Ends a host that does not call anything any more. By a thread that waits for the end of the guest.
    ///
    /// patience: called at each look, on this thread.
    void watch(std::function<Patience()> patience) {
        watch_ = std::make_shared<Watch>(*context_, host_, std::move(patience));
        std::lock_guard const lock(end_->mutex);
        if (end_->has_come)
            return;
        asio::post(*context_, [watch = watch_] { look(watch); });
    }
    /// By the same thread: the host is not called for that from now on.
    void unwatch() noexcept {
        if (!watch_)
            return;
        std::lock_guard const lock(watch_->mutex);
        watch_->is_over = true;
    }

private:
    struct Watch {
        Watch(
            asio::io_context& context,
            std::shared_ptr<GuestHost> the_host,
            std::function<Patience()> the_patience)
            : timer(context), host(std::move(the_host)), patience(std::move(the_patience)) {}

        asio::steady_timer timer;
        std::shared_ptr<GuestHost> const host;
        std::function<Patience()> const patience;
        std::shared_ptr<std::atomic<bool>> answered;  // by the host
        Deadline since;
        std::mutex mutex;
        bool is_over = false;
    };

    /// The end of the thread. What comes afterwards would be kept by the io_context, and may keep that.
    struct End {
        /// Returns whether it is the host's.
        bool come() {
            std::lock_guard const lock(mutex);
            has_come = true;
            return is_of_host;
        }

        std::mutex mutex;
        bool has_come = false;
        bool is_of_host = false;  // the thread's
        OneShotEvent all_know;
    };

    static void look(std::shared_ptr<Watch> const& watch) noexcept {
        std::lock_guard const lock(watch->mutex);
        if (watch->is_over || watch->host->is_closed())
            return;
        try {
            if (!watch->answered || *watch->answered) {
                auto answered = std::make_shared<std::atomic<bool>>(false);
                watch->host->execute([answered] { *answered = true; });
                watch->answered = std::move(answered);
                watch->since = Deadline::clock::now();
            }
            auto const patience = watch->patience();
            if (Deadline::clock::now() - watch->since >= patience.limit &&
                watch->host->end_silent(patience.why))
                return;
        } catch (...) {
            // Without memory it is looked at later.
        }
        watch->timer.expires_after(std::chrono::milliseconds(100));
        watch->timer.async_wait([watch](auto const& error) {
            if (!error)
                look(watch);
        });
    }

    unsigned const made_in_ = this_process();
    std::shared_ptr<GuestHost> const host_;
    std::shared_ptr<Context> const context_ = std::make_shared<Context>(1);
    std::shared_ptr<End> const end_ = std::make_shared<End>();
    asio::executor_work_guard<asio::io_context::executor_type> const work_{
        context_->get_executor()};
    std::shared_ptr<Watch> watch_;
    std::thread thread_;
};

/// A base of the runner that ends after its close.
class GuestEnd {
protected:
    explicit GuestEnd(std::shared_ptr<GuestThread> thread) : thread_(std::move(thread)) {}
    GuestEnd(GuestEnd const&) = delete;
    GuestEnd& operator=(GuestEnd const&) = delete;
    ~GuestEnd() {
        thread_->unwatch();
        thread_->wait_if_host_has_ended();
    }

    std::shared_ptr<GuestThread> const thread_;
};

}  // namespace syncopate::inline v0_1::detail

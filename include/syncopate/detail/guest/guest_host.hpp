// GuestHost: somebody else's event loop, as it takes functions. HostExecutor: runs handlers of Asio's there.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/task/turn_gate.hpp>

#include SYNCOPATE_ASIO(execution/blocking.hpp)
#include SYNCOPATE_ASIO(execution/context.hpp)
#include SYNCOPATE_ASIO(io_context.hpp)

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Shared by all that may still be on its way to the host.
///
/// Memory order. The host's own queue hands the functions over. The marks tell a thread what it is, which it has written
/// itself or has nothing to do with. What comes next belongs to the thread that is inside, and nobody else looks at it.
class GuestHost : public std::enable_shared_from_this<GuestHost> {
public:
    using Function = std::function<void()>;
    using Post = std::function<void(Function)>;

    struct Callbacks {
        std::function<void(std::exception_ptr)> report;  // what a handler has thrown
        // The host has ended. What it has dropped is to be destroyed once all that wait know that.
        std::function<void(std::shared_ptr<void> dropped, std::exception_ptr why)> end;
        std::weak_ptr<asio::io_context> context;  // of what is executed
    };

    explicit GuestHost(Post post) : post_(std::move(post)) {}

    /// Where the objects wait that its handlers use. Before it has an executor.
    void set_context(asio::io_context& context) noexcept { context_ = &context; }
    asio::io_context& context() const noexcept { return *context_; }

    /// Before anything is executed.
    void set_callbacks(Callbacks callbacks) { callbacks_ = std::move(callbacks); }

    /// Has the host call f, which need not be copyable. Throws nothing, because an exception that passes through
    /// Asio's strand leaves that locked for ever. A host that throws counts as ended.
    template <class F>
    void execute(F&& f) noexcept {
        if (is_closed())
            return drop(std::forward<F>(f));  // the host may be gone
        if (auto step = make_step(std::forward<F>(f)))
            post(std::move(step));
    }

    /// The same for what a function leaves behind that the host has called: it comes next, and takes no turn of the host,
    /// until slice has passed since the host has called the function.
    template <class F>
    void execute_next(F&& f) noexcept {
        if (inside_.load(std::memory_order_relaxed) != this_thread() || next_ || is_closed())
            return execute(std::forward<F>(f));
        next_ = make_step(std::forward<F>(f));
    }

    /// Short for whoever looks at the host's window; long beside a turn of the host, which takes microseconds.
    static constexpr std::chrono::microseconds slice{100};

    /// Because it does not call anything any more, though it has dropped nothing. Returns false if it is in a function.
    bool end_silent(std::exception_ptr why) noexcept {
        if (!turns_->shut())
            return false;
        end(std::move(why));
        return true;
    }

    /// The host is not called any more.
    void close() noexcept { is_open_.store(false, std::memory_order_release); }

    bool is_closed() const noexcept { return !is_open_.load(std::memory_order_acquire); }

    /// Whether the calling thread is the host's. Until a handler has run there, the thread is assumed to be the one on
    /// which the runner was made.
    bool may_be_here() const noexcept {
        auto const thread = thread_.load(std::memory_order_relaxed);
        return (thread == 0 ? made_on_ : thread) == this_thread();
    }
    bool is_here() const noexcept {
        return thread_.load(std::memory_order_relaxed) == this_thread();
    }

private:
    /// A function on its way to the host.
    struct Step {
        explicit Step(std::shared_ptr<GuestHost> the_host) noexcept : host(std::move(the_host)) {}
        Step(Step const&) = delete;
        Step& operator=(Step const&) = delete;
        virtual ~Step() = default;
        virtual void call() = 0;

        std::shared_ptr<GuestHost> const host;
        // The strand of a function belongs to it. The host may keep the function for long.
        std::shared_ptr<asio::io_context> const context = host->callbacks_.context.lock();
    };

    template <class F>
    struct StepOf final : Step {
        StepOf(std::shared_ptr<GuestHost> the_host, F&& f)
            : Step(std::move(the_host)), function(std::move(f)) {}
        StepOf(std::shared_ptr<GuestHost> the_host, F const& f)
            : Step(std::move(the_host)), function(f) {}
        ~StepOf() override {
            if (!function)
                return;
            this->host->close();
            static_cast<void>(this->host->turns_->shut());  // what comes later is not called
            this->host->drop(std::move(*function));
        }

        void call() override {
            auto const gate = this->host->turns_;
            if (!function || !gate->enter())
                return;
            struct Inside {
                TurnGate& gate;
                ~Inside() { gate.leave(); }
            } const inside{*gate};
            this->host->thread_.store(this_thread(), std::memory_order_relaxed);
            auto called = std::move(*function);
            function.reset();
            try {
                std::move(called)();
            } catch (...) {
                this->host->callbacks_.report(std::current_exception());
            }
        }

        std::optional<F> function;
    };

    /// One function that the host calls. What it has left behind when its time is over is posted.
    class Turn {
    public:
        explicit Turn(GuestHost& host) noexcept
            : host_(host), outer_(host.inside_.exchange(this_thread(), std::memory_order_relaxed)) {
        }
        Turn(Turn const&) = delete;
        Turn& operator=(Turn const&) = delete;
        ~Turn() {
            host_.inside_.store(outer_, std::memory_order_relaxed);
            if (auto step = std::exchange(host_.next_, nullptr))
                host_.post(std::move(step));
        }

        void call(Step& first) {
            first.call();
            while (host_.next_ && std::chrono::steady_clock::now() < end_) {
                auto const step = std::exchange(host_.next_, nullptr);
                step->call();
            }
        }

    private:
        GuestHost& host_;
        std::uint64_t const outer_;  // that of a turn in which the host's loop is turned
        std::chrono::steady_clock::time_point const end_ = std::chrono::steady_clock::now() + slice;
    };

    /// Returns null if there is no memory for it: then the host has ended.
    template <class F>
    std::shared_ptr<Step> make_step(F&& f) noexcept {
        std::shared_ptr<Step> step;
        with_memory([&] {
            step =
                std::make_shared<StepOf<std::decay_t<F>>>(shared_from_this(), std::forward<F>(f));
        });
        return step;
    }

    void post(std::shared_ptr<Step> step) noexcept {
        with_memory([&] { post_([step] { Turn(*step->host).call(*step); }); });
    }

    /// Tries for a while if there is no memory.
    template <class F>
    void with_memory(F const& f) noexcept {
        for (int tries = 0;; ++tries) {
            try {
                return f();
            } catch (std::bad_alloc const&) {
                if (tries == tries_without_memory)
                    return end(std::current_exception());
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            } catch (...) {
                return end(std::current_exception());
            }
        }
    }

    /// A number that no other thread ever has. The system gives the id of a host's thread that has ended to another one.
    [[gnu::noinline]] static std::uint64_t this_thread() noexcept {
        static std::atomic<std::uint64_t> last{0};
        thread_local std::uint64_t const number = last.fetch_add(1, std::memory_order_relaxed) + 1;
        return number;
    }

    template <class F>
    void drop(F&& f) noexcept {
        try {
            callbacks_.end(std::make_shared<std::decay_t<F>>(std::forward<F>(f)), nullptr);
        } catch (...) {
            // Without memory it is destroyed here.
        }
    }

    void end(std::exception_ptr why) noexcept {
        close();
        try {
            callbacks_.end(nullptr, std::move(why));
        } catch (...) {
            // Without memory nobody is told.
        }
    }

    static constexpr int tries_without_memory = 100;

    Post const post_;
    asio::io_context* context_ = nullptr;
    Callbacks callbacks_;
    std::uint64_t const made_on_ = this_thread();
    std::atomic<std::uint64_t> thread_{0};
    std::atomic<std::uint64_t> inside_{0};  // the thread that calls a function of ours
    std::shared_ptr<Step> next_;            // that thread's
    std::atomic<bool> is_open_{true};
    TurnGatePointer const turns_{new TurnGate};  // the way into what the host was given
};

/// The objects of its execution context wait on the GuestThread, and their handlers run on the host. execute() never
/// calls its function, but the executor says that it may (blocking.possibly): otherwise a strand would queue what can
/// be dispatched at once, also the first step of a coroutine, and the coroutine could be cancelled in between, which
/// Asio's co_spawn does not survive.
class HostExecutor {
public:
    explicit HostExecutor(std::shared_ptr<GuestHost> host) noexcept : host_(std::move(host)) {}

    template <class F>
    void execute(F&& f) const noexcept {
        host_->execute_next(std::forward<F>(f));
    }

    asio::execution_context& query(asio::execution::context_t) const noexcept {
        return host_->context();
    }
    asio::execution::blocking_t query(asio::execution::blocking_t) const noexcept {
        return blocking_;
    }
    HostExecutor require(asio::execution::blocking_t::never_t never) const noexcept {
        return with(never);
    }
    HostExecutor require(asio::execution::blocking_t::possibly_t possibly) const noexcept {
        return with(possibly);
    }
    bool running_in_this_thread() const noexcept { return host_->is_here(); }

    friend bool operator==(HostExecutor const& a, HostExecutor const& b) noexcept {
        return a.host_ == b.host_ && a.blocking_ == b.blocking_;
    }

private:
    HostExecutor with(asio::execution::blocking_t blocking) const noexcept {
        HostExecutor other = *this;
        other.blocking_ = blocking;
        return other;
    }

    std::shared_ptr<GuestHost> host_;
    asio::execution::blocking_t blocking_ = asio::execution::blocking.possibly;
};

}  // namespace syncopate::inline v0_1::detail

// ContextGate: through it, threads post to an execution context that may be gone. ContextGateService: keeps
// the gate of an execution context.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/deadlock/loop_identity.hpp>
#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/loop/library.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/task_listing.hpp>
#include <syncopate/detail/loop/work_executor.hpp>
#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/detail/wait/deadline.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(execution/context.hpp)
#include SYNCOPATE_ASIO(execution_context.hpp)
#include SYNCOPATE_ASIO(post.hpp)
#include SYNCOPATE_ASIO(query.hpp)

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::detail {

class Suspension;
class TurnGate;

/// The gate is open while the execution context is there. Other threads post to the context under the
/// gate's lock, and so never to a context that is gone. Coroutines that wait for other threads, the
/// Suspensions, are listed here.
///
/// When the execution context shuts down:
///
/// 1. shut() closes the gate, and posts LastHandler to the context.
/// 2. The context destroys what is pending, LastHandler among it.
/// 3. The destructor of LastHandler destroys the suspended coroutines that no thread uses any more.
/// 4. While some are left, it posts LastHandler again, so that the context first destroys whatever has been
///    posted meanwhile: a thread that uses a coroutine may wait for that. Then step 3 comes again.
/// 5. When none is left, the workers are closed.
/// 6. When all is destroyed, also what was posted after LastHandler, so is what was given to dispose() meanwhile.
class ContextGate {
public:
    static std::shared_ptr<ContextGate> of(asio::any_io_executor const& executor);

    explicit ContextGate(asio::execution_context& context) noexcept : execution_context_(context) {}

    /// The runner's loop, if it owns the context.
    Loop* loop() const noexcept { return loop_; }
    void set_loop(Loop& loop) {
        name_ = loop.options().name();
        may_spin_ = loop.may_spin();
        loop_ = &loop;
    }
    /// Whether it makes sense for a waiting thread to spin until the loop has done something.
    bool may_spin() const noexcept { return may_spin_; }

    LoopIdentity identity() const noexcept { return {&name_, loop_, &execution_context_}; }

    /// Calls f, unless the gate is shut. Returns whether f succeeded: a std::system_error of f says that the
    /// loop has ended.
    /// Throws: what else f throws.
    template <class F>
    bool if_open(F f) {
        std::lock_guard const lock(mutex_);
        if (!is_open_)
            return false;
        try {
            f();
        } catch (std::system_error const&) {
            return false;
        }
        return true;
    }

    /// The context's own executor, without strands: of whoever came to the gate first. Null when the context has ended.
    asio::any_io_executor context_executor() const {
        std::lock_guard const lock(mutex_);
        return executor_;
    }

    /// The default pool of the coroutines here. It is closed with the execution context.
    /// make: makes the pool, the first time.
    template <class Make>
    std::shared_ptr<OwnedWorkExecutor> workers(Make make) {
        std::lock_guard const lock(mutex_);
        if (!workers_)
            workers_ = make();
        return workers_;
    }

    /// Tells the threads that work for coroutines here that these will never go on. When the loop has unwound.
    void tell_of_end() noexcept;

    /// Closes the pool, and returns whether its threads had ended before the deadline.
    bool close_workers(Deadline deadline) noexcept {
        std::unique_lock lock(mutex_);
        auto const workers = workers_;
        lock.unlock();
        return !workers || workers->close_until(deadline);
    }

    /// The work that the pool's threads do, in words.
    std::string work() const {
        std::lock_guard const lock(mutex_);
        return workers_ ? workers_->description() : std::string();
    }

    /// Destroys an object that refers to coroutines of the context, and that any thread may have had: on the executor,
    /// or with the context. At once if that has ended, or if this is its thread.
    static void dispose(
        std::shared_ptr<ContextGate> const& gate,
        asio::any_io_executor const& executor,
        std::shared_ptr<void> object) noexcept;

    /// What coroutines of the context wait for, oldest first.
    std::vector<TaskWait> waits() const;

    /// Whether no thread uses what belongs to the coroutines behind a gate that has been shut.
    /// Throws: std::bad_alloc.
    bool have_released(TurnGate const& turns);

    /// All coroutines of the context have been destroyed.
    void destroy_kept() noexcept {
        std::unique_lock lock(mutex_);
        has_ended_ = true;
        auto const kept = std::move(kept_);
        lock.unlock();
    }

    // Of Suspension.
    void add(Suspension& suspension) noexcept;
    void remove(Suspension& suspension) noexcept;

private:
    friend class ContextGateService;

    // See the shutdown above.
    class LastHandler {
    public:
        LastHandler(std::shared_ptr<ContextGate> gate, asio::any_io_executor executor) noexcept
            : gate_(std::move(gate)), executor_(std::move(executor)) {}
        LastHandler(LastHandler&&) = default;
        LastHandler& operator=(LastHandler&&) = delete;
        ~LastHandler() {
            if (gate_)
                end();
        }
        void operator()() const noexcept {}

        /// Posts what this is, and leaves this empty. False if there is no memory for that.
        bool post() noexcept {
            LastHandler next(std::move(gate_), executor_);
            try {
                asio::post(executor_, std::move(next));
            } catch (...) {
                gate_ = std::move(next.gate_);
            }
            return !gate_;
        }

    private:
        void end() noexcept {
            while (!gate_->drop_what_is_released()) {
                std::this_thread::sleep_for(std::chrono::microseconds(100));
                if (post())
                    return;
            }
            gate_->close_workers(no_deadline);
        }

        std::shared_ptr<ContextGate> gate_;
        asio::any_io_executor executor_;
    };

    /// The execution context is about to destroy what is pending.
    static void shut(std::shared_ptr<ContextGate> const& gate) noexcept;

    /// Destroys the suspended coroutines that no thread uses. Returns whether that was all.
    bool drop_what_is_released() noexcept;
    Suspension* take_newest() noexcept;

    /// On its loop.
    void destroy_kept(void const* object) noexcept;
    bool runs_here(asio::any_io_executor const& executor) const noexcept;

    void const* const library_ = Library::here();
    asio::execution_context const& execution_context_;
    std::string name_ = "event loop";
    Loop* loop_ = nullptr;
    bool may_spin_ = true;

    mutable std::mutex mutex_;
    bool is_open_ = true;
    mutable IntrusiveList<Suspension> suspensions_;
    asio::any_io_executor executor_;
    // LastHandler::post() for the gate's executor, set together with that. A program in which nobody comes to a gate
    // does not compile it.
    void (*post_last_)(
        std::shared_ptr<ContextGate> const& gate,
        asio::any_io_executor executor) noexcept = nullptr;
    std::shared_ptr<OwnedWorkExecutor> workers_;
    std::vector<std::shared_ptr<void>> kept_;  // until the context has ended
    bool has_ended_ = false;
};

class [[gnu::visibility("default")]] ContextGateService final
    : public asio::execution_context::service {
public:
    inline static asio::execution_context::id id;

    explicit ContextGateService(asio::execution_context& context)
        : service(context), gate_(std::make_shared<ContextGate>(context)) {}
    ~ContextGateService() override { gate_->destroy_kept(); }

    std::shared_ptr<ContextGate> const& gate() const noexcept { return gate_; }

private:
    void shutdown() override { ContextGate::shut(gate_); }

    std::shared_ptr<ContextGate> const gate_;
};

inline std::shared_ptr<ContextGate> ContextGate::of(asio::any_io_executor const& executor) {
    auto& context = asio::query(executor, asio::execution::context);
    auto gate = asio::use_service<ContextGateService>(context).gate();
    // A context that is no runner's may be anybody's. So a library that makes its gate, or comes to a gate that
    // another library has made, stays loaded.
    Library::keep_loaded_for(gate->loop() ? gate->library_ : nullptr);
    std::lock_guard const lock(gate->mutex_);
    if (!gate->executor_) {
        gate->executor_ = without_strand(executor);
        gate->post_last_ = [](std::shared_ptr<ContextGate> const& of,
                              asio::any_io_executor to) noexcept {
            static_cast<void>(LastHandler(of, std::move(to)).post());
        };
    }
    return gate;
}

inline void ContextGate::shut(std::shared_ptr<ContextGate> const& gate) noexcept {
    std::unique_lock lock(gate->mutex_);
    gate->is_open_ = false;
    auto executor = std::move(gate->executor_);
    lock.unlock();
    if (executor)
        gate->post_last_(gate, std::move(executor));
}

}  // namespace syncopate::inline v0_1::detail

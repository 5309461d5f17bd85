// GeneratorCore: owns the frame of a generator's body, and destroys it on its loop, or with its loop.
// GeneratorRegistry, GeneratorService: the generators of one execution context. GeneratorStep: one anext() or
// aclose().
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/system/forks.hpp>
#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/detail/values/current_values.hpp>
#include <syncopate/detail/values/task_values.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(dispatch.hpp)
#include SYNCOPATE_ASIO(execution/context.hpp)
#include SYNCOPATE_ASIO(execution/outstanding_work.hpp)
#include SYNCOPATE_ASIO(execution_context.hpp)
#include SYNCOPATE_ASIO(prefer.hpp)
#include SYNCOPATE_ASIO(query.hpp)

#include <atomic>
#include <condition_variable>
#include <coroutine>
#include <cstddef>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace syncopate::inline v0_1::detail {

class GeneratorCore;

// The generators that were started on one execution context, oldest first. Shared, because generators may
// outlive the context.
struct GeneratorRegistry {
    std::mutex mutex;
    std::condition_variable unpinned;
    IntrusiveList<GeneratorCore> generators;
    // The number of threads that use the context for a generator. The context's shutdown waits for them.
    std::size_t pins = 0;
    bool is_closed = false;

    void unpin() noexcept {
        std::lock_guard const lock(mutex);
        if (--pins == 0)
            unpinned.notify_all();
    }
    void wait_until_unpinned(std::unique_lock<std::mutex>& lock) {
        unpinned.wait(lock, [this] { return pins == 0; });
    }
};

// Ends the generators of an execution context when that is destroyed, as asyncio's shutdown_asyncgens does.
class [[gnu::visibility("default")]] GeneratorService final
    : public asio::execution_context::service {
public:
    inline static asio::execution_context::id id;

    explicit GeneratorService(asio::execution_context& context) : service(context) {}

    std::shared_ptr<GeneratorRegistry> const& registry() const noexcept { return registry_; }

private:
    inline void shutdown() override;

    std::shared_ptr<GeneratorRegistry> registry_ = std::make_shared<GeneratorRegistry>();
};

struct DestroyFrame {
    void operator()(void* frame) const noexcept {
        std::coroutine_handle<>::from_address(frame).destroy();
    }
};
using BodyFrame = std::unique_ptr<void, DestroyFrame>;

// Outlives the body's frame. A step, which is an anext() or aclose() that runs, has the body to itself.
// Between steps the AsyncGenerator owns the core. After the AsyncGenerator's destruction the registry owns it,
// and a posted disposal or the context's shutdown deletes it.
class GeneratorCore : public ListHook<GeneratorCore> {
public:
    explicit GeneratorCore(std::coroutine_handle<> body) noexcept : body_(body.address()) {}

    // Returns false if the generator is closed.
    bool begin_step();
    // The body will be destroyed on this executor. In a step.
    void follow(asio::any_io_executor const& executor);
    // Destroys the body, on this thread. In a step.
    void close() noexcept;
    void end_step() noexcept;

    // The AsyncGenerator is being destroyed: destroys the body where that may be done.
    void abandon() noexcept;

    void* frame() const noexcept { return body_.get(); }

private:
    friend class GeneratorService;
    enum State : unsigned { idle = 0, running = 1, abandoned = 2, closed = 4 };

    // Not inlined: its executors would burden the frame of each step.
    void follow_without_caller(asio::any_io_executor const& executor);
    void leave_registry() noexcept;
    void dispose() noexcept;

    std::atomic<unsigned> state_ = idle;
    bool is_registrys_ = false;  // guarded by the registry's mutex
    std::shared_ptr<GeneratorRegistry> registry_;
    unsigned followed_in_ = 0;
    asio::any_io_executor executor_;
    TaskValuesPointer values_;  // of the last step's task; what the body destroys sees them
    BodyFrame body_;            // the last member, destroyed first: the body may need the others
};

inline bool GeneratorCore::begin_step() {
    unsigned state = idle;
    if (state_.compare_exchange_strong(state, running, std::memory_order_acquire))
        return true;
    if ((state & closed) == 0)
        throw std::logic_error("asynchronous generator is already running");
    return false;
}

inline void GeneratorCore::end_step() noexcept {
    unsigned state = running;
    if (state_.compare_exchange_strong(
            state, body_ ? idle : closed, std::memory_order_release, std::memory_order_acquire))
        return;
    // The AsyncGenerator was destroyed during this step.
    close();
    delete this;
}

inline void GeneratorCore::follow(asio::any_io_executor const& executor) {
    if (CurrentValues::are_used())
        values_ = values_of(executor);
    // As nearly always: compared without a copy.
    if (auto const* const io = io_executor(executor); io && registry_) {
        auto const* const last = executor_.target<IoExecutor>();
        if (last && *last == *io)
            return;
    }
    follow_without_caller(executor);
}

inline void GeneratorCore::follow_without_caller(asio::any_io_executor const& executor) {
    // Without the link to the step's caller: as long as somebody keeps that, the coroutine that has run the step is
    // not used again, and each step would spawn one.
    auto kept = without_caller(executor);
    if (registry_ && kept == executor_)
        return;
    auto& context = asio::query(executor, asio::execution::context);
    auto registry = asio::use_service<GeneratorService>(context).registry();
    leave_registry();
    // Were work tracked, a suspended generator would keep the loop from running out of work.
    executor_ = asio::prefer(std::move(kept), asio::execution::outstanding_work.untracked);
    registry_ = std::move(registry);
    followed_in_ = this_process();
    std::lock_guard const lock(registry_->mutex);
    registry_->generators.push_back(*this);
}

inline void GeneratorCore::leave_registry() noexcept {
    if (!registry_)
        return;
    {
        std::lock_guard const lock(registry_->mutex);
        unlink();
    }
    registry_.reset();
}

inline void GeneratorCore::close() noexcept {
    leave_registry();
    body_.reset();
    executor_ = nullptr;
}

inline void GeneratorCore::dispose() noexcept {
    call_with_values(values_.get(), [this] { close(); });
    delete this;
}

inline void GeneratorCore::abandon() noexcept {
    if (state_.fetch_or(abandoned, std::memory_order_acq_rel) == running)
        return;  // the step that runs disposes of the generator when it ends
    auto const registry = registry_;
    if (registry && followed_in_ != this_process())
        return;  // the parent's loop has the body: it is left alone in the child
    if (!registry)
        return dispose();  // never started, or closed
    std::unique_lock lock(registry->mutex);
    // The pin keeps the context until its executor has been used, after the unlocking.
    ++registry->pins;
    if (registry->is_closed) {  // there is no loop any more, and mostly no body
        unlink();
        lock.unlock();
        dispose();
    } else {
        is_registrys_ = true;
        auto const executor = executor_;
        lock.unlock();
        try {
            asio::dispatch(executor, [this] { dispose(); });
        } catch (...) {  // NOLINT(bugprone-empty-catch): no memory: the shutdown does it
        }
    }
    registry->unpin();
}

inline void GeneratorService::shutdown() {
    std::unique_lock lock(registry_->mutex);
    registry_->is_closed = true;
    registry_->wait_until_unpinned(lock);
    while (!registry_->generators.empty()) {
        // Newest first: its body may refer to the frame of an older one that consumes it.
        GeneratorCore& core = registry_->generators.back();
        core.unlink();
        std::unique_ptr<GeneratorCore> owned(core.is_registrys_ ? &core : nullptr);
        asio::any_io_executor executor;  // destroyed here: a strand's must not outlive its context
        BodyFrame body;
        unsigned state = GeneratorCore::idle;
        if (core.state_.compare_exchange_strong(
                state, GeneratorCore::closed, std::memory_order_acq_rel) ||
            state == GeneratorCore::abandoned) {
            executor = std::move(core.executor_);
            body = std::move(core.body_);
        }  // else a step runs, which destroys the body when its own frame is destroyed
        lock.unlock();
        body.reset();
        executor = nullptr;
        owned.reset();
        lock.lock();
    }
    registry_->wait_until_unpinned(lock);
}

// One step, from begin_step() to end_step(). It closes the generator unless body_goes_on() has been called.
// So it does when the frame of the step is destroyed half-way: the body would wait for ever.
class GeneratorStep {
public:
    explicit GeneratorStep(GeneratorCore& core) noexcept : core_(core) {}
    GeneratorStep(GeneratorStep const&) = delete;
    GeneratorStep& operator=(GeneratorStep const&) = delete;
    ~GeneratorStep() {
        if (!body_goes_on_)
            core_.close();
        core_.end_step();
    }

    void body_goes_on() noexcept { body_goes_on_ = true; }

private:
    GeneratorCore& core_;
    bool body_goes_on_ = false;
};

}  // namespace syncopate::inline v0_1::detail

// Where and when the frame of a generator's body dies: on its loop, or with it.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>

#include <atomic>
#include <condition_variable>
#include <coroutine>
#include <cstddef>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace syncopate::detail {

namespace asio = boost::asio;

class GeneratorCore;

// The generators started on one execution context, oldest first. Shared, because generators outlive
// contexts.
struct GeneratorRegistry {
    std::mutex mutex;
    std::condition_variable unpinned;
    IntrusiveList<GeneratorCore> generators;
    // Threads that use the context on behalf of a generator: its shutdown waits for them.
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

// Ends the generators that are left when their loop goes, as asyncio's shutdown_asyncgens does.
class GeneratorService final : public asio::execution_context::service {
public:
    inline static asio::execution_context::id id;

    explicit GeneratorService(asio::execution_context& context) : service(context) {}

    std::shared_ptr<GeneratorRegistry> const& registry() const noexcept { return registry_; }

private:
    void shutdown() override;

    std::shared_ptr<GeneratorRegistry> registry_ = std::make_shared<GeneratorRegistry>();
};

struct DestroyFrame {
    void operator()(void* frame) const noexcept {
        std::coroutine_handle<>::from_address(frame).destroy();
    }
};
using BodyFrame = std::unique_ptr<void, DestroyFrame>;

// What survives the body's frame. An anext() or aclose() that runs, a "step", has the body to
// itself. Without one the body belongs to the AsyncGenerator, and after that one's destruction to
// the registry: a posted disposal or the context's shutdown deletes it.
class GeneratorCore : public ListHook<GeneratorCore> {
public:
    explicit GeneratorCore(std::coroutine_handle<> body) noexcept : body_(body.address()) {}

    // False: the generator is at its end.
    bool begin_step();
    // Makes the executor the one on which the body is destroyed. In a step.
    void follow(asio::any_io_executor const& executor);
    // Destroys the body, here. In a step.
    void close() noexcept;
    void end_step() noexcept;

    // The AsyncGenerator is destroyed: ends the body where it may be ended.
    void abandon() noexcept;

    void* frame() const noexcept { return body_.get(); }

private:
    friend class GeneratorService;
    enum State : unsigned { idle = 0, running = 1, abandoned = 2, closed = 4 };

    void leave_registry() noexcept;
    void dispose() noexcept;

    std::atomic<unsigned> state_ = idle;
    bool is_registrys_ = false;  // guarded by the registry's mutex
    std::shared_ptr<GeneratorRegistry> registry_;
    asio::any_io_executor executor_;
    BodyFrame body_;  // goes first, for it may need all others
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
    // The AsyncGenerator went while this step was under way.
    close();
    delete this;
}

inline void GeneratorCore::follow(asio::any_io_executor const& executor) {
    if (registry_ && executor == executor_)
        return;
    auto& context = asio::query(executor, asio::execution::context);
    auto registry = asio::use_service<GeneratorService>(context).registry();
    leave_registry();
    // Were work tracked, a suspended generator would keep the loop from running out of work.
    executor_ = asio::prefer(executor, asio::execution::outstanding_work.untracked);
    registry_ = std::move(registry);
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
    close();
    delete this;
}

inline void GeneratorCore::abandon() noexcept {
    if (state_.fetch_or(abandoned, std::memory_order_acq_rel) == running)
        return;  // that step disposes of the generator at its end
    auto const registry = registry_;
    if (!registry)
        return dispose();  // never started, or at its end
    std::unique_lock lock(registry->mutex);
    // The pin keeps the context from dying between the unlocking and the use of its executor.
    ++registry->pins;
    if (registry->is_closed) {  // there is no loop any more, and often no body
        unlink();
        lock.unlock();
        dispose();
    } else {
        is_registrys_ = true;
        auto const executor = executor_;
        lock.unlock();
        try {
            asio::dispatch(executor, [this] { dispose(); });
        } catch (...) {  // NOLINT(bugprone-empty-catch): out of memory: left to the shutdown
        }
    }
    registry->unpin();
}

inline void GeneratorService::shutdown() {
    std::unique_lock lock(registry_->mutex);
    registry_->is_closed = true;
    registry_->wait_until_unpinned(lock);
    while (!registry_->generators.empty()) {
        // The newest first: its body may refer to the frame of an older one that consumes it.
        GeneratorCore& core = registry_->generators.back();
        core.unlink();
        std::unique_ptr<GeneratorCore> owned(core.is_registrys_ ? &core : nullptr);
        asio::any_io_executor executor;  // a strand's must not outlive its context
        BodyFrame body;
        unsigned state = GeneratorCore::idle;
        if (core.state_.compare_exchange_strong(
                state, GeneratorCore::closed, std::memory_order_acq_rel) ||
            state == GeneratorCore::abandoned) {
            executor = std::move(core.executor_);
            body = std::move(core.body_);
        }  // else a step is under way: it ends the body, when its own frame is destroyed
        lock.unlock();
        body.reset();
        executor = nullptr;
        owned.reset();
        lock.lock();
    }
    registry_->wait_until_unpinned(lock);
}

// Holds a generator for the length of a step, and ends it unless told that it goes on. A step whose
// frame is destroyed half-way leaves a body that waits for what will never come, so it ends too.
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

}  // namespace syncopate::detail

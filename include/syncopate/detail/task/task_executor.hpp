// TaskExecutor: an executor of any type in three pointers, which carries a CallerLink and may lead through a TurnGate.
// ExecutorCore: what its copies share.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/intrusive_pointer.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/task/turn_gate.hpp>
#include <syncopate/detail/values/current_values.hpp>
#include <syncopate/detail/values/task_values.hpp>
#include <syncopate/detail/wait/small_mutex.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(execution.hpp)
#include SYNCOPATE_ASIO(execution_context.hpp)
#include SYNCOPATE_ASIO(prefer.hpp)
#include SYNCOPATE_ASIO(query.hpp)
#include SYNCOPATE_ASIO(require.hpp)

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// A handler that is a step of a task, and sees the context variables that the task had when it was executed.
template <class F>
class StepHandler {
public:
    /// link: of the task, or null.
    StepHandler(CallerLinkPointer link, F&& function)
        : link_(std::move(link)), values_(link_ ? link_->values() : nullptr),
          function_(std::move(function)) {}

    void operator()() {
        TaskStep const step(std::move(link_));
        if (values_) [[unlikely]]
            return call_with_values();
        std::move(function_)();
    }

private:
    void call_with_values() {
        ValuesScope const scope(std::move(values_));
        std::move(function_)();
    }

    CallerLinkPointer link_;
    TaskValuesPointer values_;
    F function_;
};

/// The executor that a TaskExecutor leads to, with any properties that may be asked for. Asio asks in places where nothing
/// may fail, and for an executor that any_io_executor has no room for that would take memory: so it is asked beforehand.
///
/// Lifetime. The copies of the TaskExecutor share the ownership. It refers to the execution context, as any executor does,
/// and that has to be there until the last copy has gone; what has been executed does not refer to the core. The core of a
/// portal shares the ownership of the portal's loop, which lets go of its copies when it closes.
///
/// Memory order. What a copy reads was written before there was one. What counts as work is changed under the lock.
class ExecutorCore : public ReferenceCounted<ExecutorCore> {
public:
    using Properties = std::uintptr_t;
    static constexpr Properties never_blocks = 1;
    static constexpr Properties continues = 2;

    /// inner:      what runs the handlers.
    /// of_context: the same without strands. It counts work, because it is small.
    /// gate:       null, or closes the way to the handlers.
    ExecutorCore(
        asio::any_io_executor inner, asio::any_io_executor of_context, TurnGatePointer gate)
        : executors_{std::move(inner)}, of_context_(std::move(of_context)), gate_(std::move(gate)) {
        namespace execution = asio::execution;
        for (Properties const blocking : {Properties{0}, never_blocks}) {
            auto& executor = executors_[blocking];
            if (blocking != 0)
                executor = asio::require(executors_[0], execution::blocking.never);
            executors_[blocking | continues] =
                asio::prefer(executor, execution::relationship.continuation);
        }
    }

    asio::any_io_executor const& executor(Properties properties) const noexcept {
        return executors_[properties & (never_blocks | continues)];
    }
    asio::any_io_executor const& of_context() const noexcept { return of_context_; }
    TurnGatePointer const& gate() const noexcept { return gate_; }

    /// One more that counts as work. Returns false if there is no memory for that.
    bool add_work() noexcept {
        std::lock_guard const lock(mutex_);
        if (works_ == 0) {
            try {
                work_ = asio::prefer(of_context_, asio::execution::outstanding_work.tracked);
            } catch (...) {
                return false;
            }
        }
        ++works_;
        return true;
    }
    void remove_work() noexcept {
        asio::any_io_executor last;  // it may stop the execution context, and that outside the lock
        std::lock_guard const lock(mutex_);
        if (--works_ == 0)
            last.swap(work_);
    }

private:
    std::array<asio::any_io_executor, 4> executors_;
    asio::any_io_executor const of_context_;
    TurnGatePointer const gate_;
    SmallMutex mutex_;
    std::size_t works_ = 0;
    asio::any_io_executor work_;
};

using ExecutorCorePointer = IntrusivePointer<ExecutorCore>;

/// Its copies and those with other properties take no memory.
class TaskExecutor {
    using Properties = ExecutorCore::Properties;

public:
    /// Which way it leads, and whether it says so.
    enum class Kind : Properties {
        of_user = 0,    // the executor itself is somebody else's, who gets it without_caller()
        of_loop = 8,    // a loop's
        gated = 8 + 16  // a loop's, through the gate
    };

    TaskExecutor(ExecutorCorePointer core, CallerLinkPointer caller, Kind kind) noexcept
        : core_(std::move(core)), caller_(std::move(caller)),
          properties_(static_cast<Properties>(kind)) {}

    TaskExecutor(TaskExecutor const& other) noexcept
        : core_(other.core_), caller_(other.caller_), properties_(other.properties_) {
        if (is_work())
            core_->add_work();  // which takes no memory: it counts already
    }
    TaskExecutor(TaskExecutor&&) noexcept = default;
    TaskExecutor& operator=(TaskExecutor other) noexcept {
        core_.swap(other.core_);
        caller_.swap(other.caller_);
        std::swap(properties_, other.properties_);
        return *this;
    }
    ~TaskExecutor() {
        if (core_ && is_work())
            core_->remove_work();
    }

    CallerLinkPointer const& caller() const noexcept { return caller_; }
    /// The gate that it leads through, or null.
    TurnGatePointer gate() const noexcept { return has(gated_mark) ? core_->gate() : nullptr; }
    bool is_of_loop() const noexcept { return has(of_loop_mark); }

    /// The same with another link, or null.
    TaskExecutor with_caller(CallerLinkPointer caller) const noexcept {
        auto other = *this;
        other.caller_ = std::move(caller);
        return other;
    }

    /// What it leads to. It does not count as work.
    asio::any_io_executor const& inner() const noexcept { return core_->executor(properties_); }

    /// The same without strands.
    asio::any_io_executor const& of_context() const noexcept { return core_->of_context(); }

    template <class Function>
    void execute(Function&& function) const {
        using Step = StepHandler<std::decay_t<Function>>;
        auto closed_by = gate();
        GatedHandler<Step> handler(
            closed_by, Step(caller_, std::decay_t<Function>(std::forward<Function>(function))));
        if (!closed_by || !closed_by->is_shut())
            inner().execute(std::move(handler));
    }

    asio::execution_context& query(asio::execution::context_t) const noexcept {
        return asio::query(inner(), asio::execution::context);
    }
    asio::execution::blocking_t query(asio::execution::blocking_t) const noexcept {
        return has(ExecutorCore::never_blocks)
                   ? asio::execution::blocking_t(asio::execution::blocking.never)
                   : asio::execution::blocking_t(asio::execution::blocking.possibly);
    }
    asio::execution::relationship_t query(asio::execution::relationship_t) const noexcept {
        return has(ExecutorCore::continues)
                   ? asio::execution::relationship_t(asio::execution::relationship.continuation)
                   : asio::execution::relationship_t(asio::execution::relationship.fork);
    }
    asio::execution::outstanding_work_t query(asio::execution::outstanding_work_t) const noexcept {
        return is_work()
                   ? asio::execution::outstanding_work_t(asio::execution::outstanding_work.tracked)
                   : asio::execution::outstanding_work_t(
                         asio::execution::outstanding_work.untracked);
    }

    TaskExecutor require(asio::execution::blocking_t::never_t) const noexcept {
        return with(properties_ | ExecutorCore::never_blocks);
    }
    TaskExecutor require(asio::execution::blocking_t::possibly_t) const noexcept {
        return with(properties_ & ~ExecutorCore::never_blocks);
    }
    TaskExecutor require(asio::execution::relationship_t::continuation_t) const noexcept {
        return with(properties_ | ExecutorCore::continues);
    }
    TaskExecutor require(asio::execution::relationship_t::fork_t) const noexcept {
        return with(properties_ & ~ExecutorCore::continues);
    }
    /// Without memory it does not count: of that only a wrapped executor of another library's has need.
    TaskExecutor require(asio::execution::outstanding_work_t::tracked_t) const noexcept {
        if (is_work() || !core_->add_work())
            return *this;
        TaskExecutor other(core_, caller_, properties_ | work_mark);
        return other;
    }
    TaskExecutor require(asio::execution::outstanding_work_t::untracked_t) const noexcept {
        return {core_, caller_, properties_ & ~work_mark};
    }

    friend bool operator==(TaskExecutor const& a, TaskExecutor const& b) noexcept {
        return (a.core_ == b.core_ || a.inner() == b.inner()) && a.caller_ == b.caller_ &&
               a.properties_ == b.properties_;
    }

private:
    static constexpr Properties work_mark = 4;
    static constexpr Properties of_loop_mark = static_cast<Properties>(Kind::of_loop);
    static constexpr Properties gated_mark = static_cast<Properties>(Kind::gated) - of_loop_mark;

    /// Takes over what counts as work.
    TaskExecutor(ExecutorCorePointer core, CallerLinkPointer caller, Properties properties) noexcept
        : core_(std::move(core)), caller_(std::move(caller)), properties_(properties) {}

    TaskExecutor with(Properties properties) const noexcept {
        auto other = *this;
        other.properties_ = properties;
        return other;
    }
    bool has(Properties mark) const noexcept { return (properties_ & mark) != 0; }
    bool is_work() const noexcept { return has(work_mark); }

    ExecutorCorePointer core_;
    CallerLinkPointer caller_;
    Properties properties_;
};

// What any_io_executor has room for.
static_assert(sizeof(TaskExecutor) <= sizeof(std::shared_ptr<void>) + sizeof(void*));

}  // namespace syncopate::inline v0_1::detail

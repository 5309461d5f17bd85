// The module "syncopate": every name of <syncopate/syncopate.hpp>, for `import syncopate;`, which
// tests/reference/module.py sees to. Compiled by those who use it; docs/install.md tells how. Coroutines of their own
// still need Asio's headers, included before the import.
module;

#include <syncopate/syncopate.hpp>

export module syncopate;

export namespace syncopate {

namespace asio = syncopate::asio;

// What runs tasks.
using syncopate::BlockingOperations;
using syncopate::BlockingPortal;
using syncopate::default_runner;
using syncopate::Options;
using syncopate::PortalExecutor;
using syncopate::run;
using syncopate::run_interruptible;
using syncopate::Runner;
using syncopate::RunnerBase;
using syncopate::ThreadRunner;

// What it tells.
using syncopate::Event;
using syncopate::label;
using syncopate::Percentiles;
using syncopate::PerfettoTrace;
using syncopate::Stall;
using syncopate::Stats;
using syncopate::TaskInfo;
using syncopate::TaskState;

// Errors.
using syncopate::DeadlockError;
using syncopate::Errc;
using syncopate::error_category;
using syncopate::make_error_code;
using syncopate::TaskGroupError;

// Contexts and streams.
using syncopate::AsyncContext;
using syncopate::AsyncGenerator;
using syncopate::AsyncIterable;
using syncopate::BlockingRange;
using syncopate::ContextGuard;
using syncopate::ContextStack;
using syncopate::ReadAhead;
using syncopate::with_context;

// Threads for coroutines, and what goes between the two.
using syncopate::CapacityLimiter;
using syncopate::Channel;
using syncopate::iterate_in_thread;
using syncopate::IteratedInThread;
using syncopate::OnCancel;
using syncopate::OnLoop;
using syncopate::OnThread;
using syncopate::run_in_executor;
using syncopate::to_calling_thread;
using syncopate::to_thread;
using syncopate::WorkerPool;
using syncopate::WorkerPoolOptions;
using syncopate::wrap_future;
namespace from_thread {
using syncopate::from_thread::call;
using syncopate::from_thread::check_cancelled;
using syncopate::from_thread::run;
}  // namespace from_thread

// Several at once.
using syncopate::as_awaitable;
using syncopate::as_completed;
using syncopate::AsCompleted;
using syncopate::fail_after;
using syncopate::gather;
using syncopate::gather_outcomes;
using syncopate::move_on_after;
using syncopate::Outcome;
using syncopate::race;
using syncopate::Ready;
using syncopate::shield;
using syncopate::sleep;
using syncopate::TaskGroup;
using syncopate::with_task_group;

using syncopate::ContextVar;
using syncopate::ContextVarScope;

// What templates ask for, and what it gives.
using syncopate::Awaitable;
using syncopate::BlockingFunction;
using syncopate::ClosableIterable;
using syncopate::ContextBody;
using syncopate::ContextSource;
using syncopate::ContextValue;
using syncopate::DeferredOperation;
using syncopate::ForeignAwaitable;
using syncopate::ForeignFactory;
using syncopate::GeneratorItem;
using syncopate::IterableSource;
using syncopate::StartFunction;
using syncopate::SuppressingContext;
using syncopate::Task;
using syncopate::TaskFactory;
using syncopate::TaskGroupBody;
using syncopate::ThreadObjectFunction;
using syncopate::awaitable_result_t;
using syncopate::blocking_result_t;
using syncopate::context_body_result_t;
using syncopate::context_t;
using syncopate::context_value_t;
using syncopate::gather_result_t;
using syncopate::iterable_t;
using syncopate::iterable_value_t;
using syncopate::move_on_result_t;
using syncopate::race_result_t;
using syncopate::task_group_result_t;
using syncopate::task_result_t;
using syncopate::with_context_result_t;

}  // namespace syncopate

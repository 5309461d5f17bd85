// The umbrella: includes every public header but http's.
#pragma once

#include <syncopate/async_generator.hpp>
#include <syncopate/blocking_function.hpp>
#include <syncopate/blocking_operations.hpp>
#include <syncopate/blocking_portal.hpp>
#include <syncopate/blocking_range.hpp>
#include <syncopate/capacity_limiter.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/context_guard.hpp>
#include <syncopate/default_runner.hpp>
#include <syncopate/error.hpp>
#include <syncopate/from_thread.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/on_cancel.hpp>
#include <syncopate/options.hpp>
#include <syncopate/run.hpp>
#include <syncopate/runner.hpp>
#include <syncopate/runner_base.hpp>
#include <syncopate/shield.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/timeout.hpp>
#include <syncopate/to_calling_thread.hpp>
#include <syncopate/to_thread.hpp>
#include <syncopate/version.hpp>
#include <syncopate/worker_pool.hpp>

// What the plug-in offers its host.
#pragma once

#include <syncopate/context_var.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/worker_pool.hpp>

#include <atomic>
#include <cstddef>

struct Plugin {
    /// Each returns whether it found what it should.
    bool (*run_is_refused)(syncopate::ThreadRunner&);
    bool (*finds_its_worker)();
    bool (*throws_the_hosts_error)(syncopate::ThreadRunner&);
    bool (*works_on_the_hosts_pool)(syncopate::ThreadRunner&, std::size_t workers_before);
    bool (*has_the_default_runner)(syncopate::ThreadRunner&);
    int (*uses_its_own)();
    bool (*is_interrupted)(std::atomic<int>& started);
    int (*uses_a_static_one)();
    int (*works_on)(syncopate::ThreadRunner&);
    int (*works_in)(syncopate::WorkerPool&);
    bool (*sees_and_sets)(
        syncopate::ContextVar<int> const&, int expected, syncopate::ThreadRunner&);
};

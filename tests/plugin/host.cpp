// A host and its plug-in have one library between them, although the plug-in's symbols are hidden: what a
// thread does, who waits for whom, whose pool it is, the errors, the default runner, Ctrl-C, context variables.

#include "plugin.hpp"
#include "support/errors.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"
#include <syncopate/context_var.hpp>
#include <syncopate/default_runner.hpp>
#include <syncopate/error.hpp>
#include <syncopate/options.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/to_thread.hpp>
#include <syncopate/worker_pool.hpp>

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <csignal>
#include <memory>
#include <thread>

#include <dlfcn.h>
#include <signal.h>
#include <unistd.h>

namespace {

using namespace support;
using syncopate::Options;
using syncopate::ThreadRunner;
using syncopate::WorkerPool;
using syncopate::WorkerPoolOptions;

class Library {
public:
    explicit Library(char const* path) : handle_(::dlopen(path, RTLD_NOW | RTLD_LOCAL)) {
        require(handle_ != nullptr, "the plug-in is loaded");
    }
    Library(Library const&) = delete;
    Library& operator=(Library const&) = delete;
    ~Library() { require(::dlclose(handle_) == 0, "the plug-in is unloaded"); }

    Plugin const& plugin() const {
        auto* const function =
            reinterpret_cast<Plugin const* (*)()>(::dlsym(handle_, "syncopate_plugin"));
        require(function != nullptr, "the plug-in has its function");
        return *function();
    }

private:
    void* handle_;
};

void share_a_runner(Plugin const& plugin) {
    auto const pool = std::make_shared<WorkerPool>(WorkerPoolOptions().name("hostpool"));
    ThreadRunner runner(Options().worker_pool(pool));
    require(
        plugin.works_on_the_hosts_pool(runner, pool->size()), "work goes to the runner's own pool");
    require(
        runner.call([&] { return plugin.run_is_refused(runner); }),
        "run() on the loop's own thread is refused");
    require(
        runner.run(syncopate::to_thread([&] { return plugin.finds_its_worker(); })),
        "from_thread:: leads back to the loop");
    runner.close();
    require(plugin.throws_the_hosts_error(runner), "its errors are the host's");
}

void share_variables(Plugin const& plugin) {
    static syncopate::ContextVar<int> const variable{1};
    ThreadRunner runner;
    require(plugin.sees_and_sets(variable, 1, runner), "the plug-in sees the default");
    auto const scope = variable.set(41);
    require(plugin.sees_and_sets(variable, 41, runner), "the plug-in sees what the host has set");
    require(variable.get() == 41, "what the plug-in has set went with its scope");
    require(
        runner.run([&]() -> boost::asio::awaitable<bool> {
            auto const own = variable.set(42);
            co_return co_await syncopate::to_thread([&] {
                ThreadRunner other;
                return plugin.sees_and_sets(variable, 42, other);
            });
        }),
        "the plug-in sees what a task of the host has set");
}

// One Ctrl-C interrupts both. The plug-in comes first, so the handler is one that it has installed.
void share_ctrl_c(Plugin const& plugin) {
    std::atomic<int> started{0};
    bool is_plugin_interrupted = false;
    bool is_host_interrupted = false;
    std::thread plugins([&] { is_plugin_interrupted = plugin.is_interrupted(started); });
    while (started < 1)
        std::this_thread::yield();
    std::thread hosts([&] {
        is_host_interrupted =
            code_of([&] {
                ThreadRunner().run_interruptible([&]() -> boost::asio::awaitable<void> {
                    ++started;
                    co_await forever();
                });
            }) == syncopate::Errc::interrupted;
    });
    while (started < 2)
        std::this_thread::yield();
    require(::kill(::getpid(), SIGINT) == 0, "Ctrl-C is pressed");
    plugins.join();
    hosts.join();
    require(is_plugin_interrupted, "the plug-in's call is interrupted");
    require(is_host_interrupted, "the host's call is interrupted");
}

// What a plug-in leaves in its host when it is unloaded: coroutines and workers that wait for more.
void outlive_plugins(char const* first, char const* second) {
    ThreadRunner runner;
    WorkerPool pool;
    for (auto const* path : {first, second, first}) {
        Library const library(path);
        require(library.plugin().works_on(runner) == 48, "the plug-in uses the host's runner");
        require(library.plugin().works_in(pool) == 48, "the plug-in uses the host's pool");
    }
    for (int i = 0; i < 3; ++i) {
        require(
            runner.run(syncopate::to_thread([] { return 42; })) == 42,
            "the runner goes on without the plug-in");
        require(
            runner.run(syncopate::run_in_executor(pool, [] { return 42; })) == 42,
            "the pool goes on without the plug-in");
    }
    Library const one(first);
    Library const other(second);
    require(
        one.plugin().works_on(runner) + other.plugin().works_on(runner) == 96,
        "two plug-ins use the host's runner");
}

}  // namespace

int main(int argc, char** argv) {
    require(argc == 3, "two builds of the plug-in are the arguments");
    {
        Library const library(argv[1]);
        require(library.plugin().uses_a_static_one() == 48, "it is unloaded with its own runner");
    }
    for (int round = 0; round < 3; ++round) {
        Library const library(argv[1]);
        share_a_runner(library.plugin());
        share_variables(library.plugin());
        share_ctrl_c(library.plugin());
        require(library.plugin().uses_its_own() == 48, "a runner of its own works");
    }
    outlive_plugins(argv[1], argv[2]);
    Library const library(argv[1]);
    require(
        library.plugin().has_the_default_runner(syncopate::default_runner()),
        "the process has one default runner");
}

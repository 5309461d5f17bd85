// Two plug-ins of one process have the library in two versions. Each has its own default runner, errors and Ctrl-C,
// both can be unloaded, and neither takes what is the other's for its own.

#include <atomic>

struct Plugin {
    char const* (*name_of_a_runner)();
    void const* (*default_runner)();
    void const* (*error_category)();
    int (*calls)();
    int (*calls_the_default_runner)();
    /// The function is called on the loop's own thread.
    int (*calls_on_a_loop)(int (*function)());
    /// Until the second is true. Returns whether Ctrl-C has interrupted it.
    bool (*waits_for_ctrl_c)(std::atomic<bool>& has_begun, std::atomic<bool> const& may_end);
    void (*throws_runner_closed)();
    bool (*is_runner_closed)(void (*function)());
};

#ifdef PLUGIN

#include <syncopate/syncopate.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <string>
#include <system_error>
#include <typeinfo>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using syncopate::Errc;
using syncopate::ThreadRunner;

asio::awaitable<int> answer() {
    co_await syncopate::sleep(1ms);
    co_return 42;
}

syncopate::AsyncGenerator<int> count(int n) {
    for (int i = 0; i < n; ++i)
        co_yield co_await syncopate::to_thread([i] { return i; });
}

int use(ThreadRunner& runner) {
    int sum = runner.run(answer);
    for (int i : runner.wrap_iter(count(4)))
        sum += i;
    auto const both = runner.run(syncopate::gather(answer(), answer()));
    return sum + std::get<0>(both) - std::get<1>(both);
}

int calls() {
    ThreadRunner runner(syncopate::Options().name("a name too long for the string itself"));
    return use(runner);
}

int calls_on_a_loop(int (*function)()) {
    ThreadRunner runner;
    return runner.call(function);
}

bool waits_for_ctrl_c(std::atomic<bool>& has_begun, std::atomic<bool> const& may_end) {
    try {
        syncopate::run_interruptible([&]() -> asio::awaitable<void> {
            has_begun = true;
            while (!may_end)
                co_await syncopate::sleep(1ms);
        });
    } catch (std::system_error const& error) {
        return error.code() == Errc::interrupted;
    }
    return false;
}

void throws_runner_closed() {
    ThreadRunner runner;
    runner.close();
    runner.run(answer);
}

bool is_runner_closed(void (*function)()) {
    try {
        function();
    } catch (std::system_error const& error) {
        return error.code() == Errc::runner_closed;
    }
    return false;
}

}  // namespace

extern "C" [[gnu::visibility("default")]] Plugin const* syncopate_plugin() {
    static constexpr Plugin plugin{
        [] { return typeid(ThreadRunner).name(); },
        []() -> void const* { return &syncopate::default_runner(); },
        []() -> void const* { return &syncopate::error_category(); },
        calls,
        [] { return use(syncopate::default_runner()); },
        calls_on_a_loop,
        waits_for_ctrl_c,
        throws_runner_closed,
        is_runner_closed};
    return &plugin;
}

#else

#include "support/stress.hpp"

#include <csignal>
#include <string>
#include <thread>
#include <utility>

#include <dlfcn.h>
#include <signal.h>

namespace {

using support::require;

class Library {
public:
    Library(char const* path, int visibility)
        : path_(path), handle_(::dlopen(path, RTLD_NOW | visibility)) {
        require(handle_ != nullptr, "the plug-in is loaded");
    }
    Library(Library const&) = delete;
    Library& operator=(Library const&) = delete;
    ~Library() { unload(); }

    Plugin const* operator->() const {
        auto* const function =
            reinterpret_cast<Plugin const* (*)()>(::dlsym(handle_, "syncopate_plugin"));
        require(function != nullptr, "the plug-in has its function");
        return function();
    }

    void unload() {
        if (auto* const handle = std::exchange(handle_, nullptr))
            require(::dlclose(handle) == 0, "the plug-in is closed");
    }

    bool is_loaded() const {
        auto* const handle = ::dlopen(path_, RTLD_NOW | RTLD_NOLOAD);
        if (handle)
            ::dlclose(handle);
        return handle != nullptr;
    }

private:
    char const* path_;
    void* handle_;
};

void work_apart(Library const& one, Library const& other) {
    require(
        one->name_of_a_runner() != std::string(other->name_of_a_runner()),
        "their runners are of different types");
    require(one->error_category() != other->error_category(), "each has its own errors");
    require(one->calls() == 48 && other->calls() == 48, "runners of both work");
    require(
        one->calls_on_a_loop(other->calls) == 48 && other->calls_on_a_loop(one->calls) == 48,
        "the loop of the one is no loop to the other");
    require(one->is_runner_closed(one->throws_runner_closed), "it knows its own error");
    require(
        !one->is_runner_closed(other->throws_runner_closed) &&
            !other->is_runner_closed(one->throws_runner_closed),
        "an error of the other is not taken for one of its own");
}

void work_at_once(Library const& one, Library const& other) {
    std::thread first([&] {
        for (int i = 0; i < 20; ++i)
            require(one->calls() == 48, "the one works beside the other");
    });
    for (int i = 0; i < 20; ++i)
        require(other->calls() == 48, "the other works beside the one");
    first.join();
}

std::atomic<int> interrupted{0};

class Waiting {
public:
    explicit Waiting(Library const& library)
        : thread_([this, &library] {
              is_interrupted_ = library->waits_for_ctrl_c(has_begun_, may_end_);
          }) {
        while (!has_begun_)
            std::this_thread::yield();
    }
    ~Waiting() {
        if (thread_.joinable())
            thread_.join();
    }

    bool ends_interrupted() {
        may_end_ = true;
        thread_.join();
        return is_interrupted_;
    }
    bool is_interrupted() {
        thread_.join();
        return is_interrupted_;
    }

private:
    std::atomic<bool> has_begun_{false};
    std::atomic<bool> may_end_{false};
    bool is_interrupted_ = false;
    std::thread thread_;
};

// As with any two that catch a signal: the last that came has the first one.
void catch_ctrl_c_in_turn(Library const& one, Library const& other) {
    Waiting first(one);
    Waiting second(other);
    ::raise(SIGINT);
    require(second.is_interrupted(), "the first Ctrl-C is of the one that came last");
    ::raise(SIGINT);
    require(first.is_interrupted(), "the second is of the one before");
    ::raise(SIGINT);
    require(interrupted == 1, "the third is the program's");
}

// What the other restores in the end is the handler of the first, which has long been closed.
void unload_below_a_handler(Library& one, Library const& other) {
    Waiting first(one);
    Waiting second(other);
    require(!first.ends_interrupted(), "the first ends by itself");
    one.unload();
    require(!second.ends_interrupted(), "the second ends by itself");
    ::raise(SIGINT);
    require(interrupted == 2, "Ctrl-C is the program's after that");
}

}  // namespace

int main(int argc, char** argv) {
    require(argc == 3, "the plug-ins are the arguments");
    for (int const visibility : {RTLD_LOCAL, RTLD_GLOBAL}) {
        Library one(argv[1], visibility);
        Library other(argv[2], visibility);
        work_apart(one, other);
        work_at_once(one, other);
        other.unload();
        require(!other.is_loaded(), "the second is unloaded");
        require(one->calls() == 48, "the first goes on without it");
        one.unload();
        require(!one.is_loaded(), "the first is unloaded");
    }

    ::signal(SIGINT, [](int) { ++interrupted; });
    {
        // Otherwise the second keeps the first loaded, some of whose symbols it uses.
        Library one(argv[1], RTLD_LOCAL);
        Library other(argv[2], RTLD_LOCAL);
        catch_ctrl_c_in_turn(one, other);
        unload_below_a_handler(one, other);
    }

    Library one(argv[1], RTLD_GLOBAL);
    Library other(argv[2], RTLD_GLOBAL);
    require(one->default_runner() != other->default_runner(), "each has its default runner");
    require(
        one->calls_the_default_runner() == 48 && other->calls_the_default_runner() == 48,
        "the default runners of both work");
}

#endif

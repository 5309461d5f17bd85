// A plug-in is unloaded while it looks up a name, and the look-up ends later.

struct Progress {
    bool (*may_end)();
    void (*has_ended)();
};

#ifdef PLUGIN

#include <syncopate/http/detail/lookup/lookup_threads.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

namespace {

namespace http = syncopate::http::detail;

// Of which nothing is left when the plug-in is unloaded.
struct Threads {
    std::shared_ptr<http::LookupThreads> threads;
    ~Threads() {
        if (threads)
            threads->close();
    }
} session;

}  // namespace

extern "C" [[gnu::visibility("default")]] void look_up(Progress const& progress) {
    session.threads = std::make_shared<http::LookupThreads>([progress](std::string const&) {
        while (!progress.may_end())
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        progress.has_ended();
        return http::Addresses();
    });
    session.threads->start(std::make_shared<http::Lookup>("nobody.example"));
}

#else

#include "support/stress.hpp"

#include <atomic>
#include <chrono>
#include <thread>

#include <dlfcn.h>

namespace {

std::atomic<bool> may_end = false;
std::atomic<bool> has_ended = false;

}  // namespace

int main(int, char** arguments) {
    void* const plugin = ::dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    support::require(plugin != nullptr, "the plug-in is loaded");
    auto* const look_up = reinterpret_cast<void (*)(Progress const&)>(::dlsym(plugin, "look_up"));
    support::require(look_up != nullptr, "the plug-in has its function");
    look_up({[] { return may_end.load(); }, [] { has_ended = true; }});
    support::require(::dlclose(plugin) == 0, "the plug-in is unloaded");

    may_end = true;
    while (!has_ended)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    // What the thread returns to was the plug-in's.
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
}

#endif

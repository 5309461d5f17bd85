// One kind of work, so many times: what count.py counts the instructions, allocations and system calls of.
//
//   counted WORK COUNT

#include "peers.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace bench;

/// Nobody spins: how often one looks is chance.
template <class Peer>
struct Patient : Peer {
    Patient() : Peer(syncopate::Options().spin(std::chrono::nanoseconds::zero())) {}
};

template <class Peer>
void call(int count) {
    Peer peer;
    for (int i = 0; i < count; ++i)
        static_cast<void>(peer.call(i));
}

/// The loop sleeps in epoll, as one does that has input and output.
struct InEpoll : Patient<Syncopate> {
    std::future<void> task = start_long_nap();
};

/// A loop on the caller's own thread, so that nobody waits for anybody.
template <class Body>
void on_own_thread(int count, Body body) {
    syncopate::Runner runner;
    for (int i = 0; i < count; ++i)
        static_cast<void>(body(runner, i));
}

void read_ahead(int count) {
    syncopate::Runner runner;
    for ([[maybe_unused]] int const item :
         runner.wrap_iter(count_to(count), syncopate::ReadAhead{1024})) {
    }
}

void read_ahead_awaited(int count) {
    syncopate::Runner runner;
    for ([[maybe_unused]] int const item :
         runner.wrap_iter(await_up_to(count), syncopate::ReadAhead{1024})) {
    }
}

/// Submitted one after another, while nobody waits.
void burst(int count) {
    syncopate::ThreadRunner runner(syncopate::Options().spin(std::chrono::nanoseconds::zero()));
    runner.start_soon(sleep_for(std::chrono::hours(1)));  // has the loop sleep in epoll
    std::vector<std::future<int>> futures;
    futures.reserve(static_cast<std::size_t>(count));
    runner.call([&] {  // the loop is busy until all have been submitted
        for (int i = 0; i < count; ++i)
            futures.push_back(runner.run_as_future(twice(i)));
    });
    for (auto& future : futures)
        future.get();
}

std::map<std::string, std::function<void(int)>> const works = {
    {"plain_call", call<PlainAsio>},
    {"call", call<Patient<Syncopate>>},
    {"call_in_epoll", call<InEpoll>},
    {"call_factory", call<Patient<SyncopateFactory>>},
    {"own_thread_plain", call<PlainOwnThread>},
    {"own_thread_call", call<SyncopateOwnThread>},
    {"own_thread_factory",
     [](int count) {
         on_own_thread(
             count, [](auto& runner, int i) { return runner.run([i] { return twice(i); }); });
     }},
    {"own_thread_function",
     [](int count) {
         on_own_thread(count, [](auto& runner, int i) { return runner.call([i] { return i; }); });
     }},
    {"read_ahead", read_ahead},
    {"read_ahead_awaited", read_ahead_awaited},
    {"burst", burst},
};

}  // namespace

int main(int argc, char* argv[]) {
    auto const work = argc == 3 ? works.find(argv[1]) : works.end();
    if (work == works.end()) {
        std::fprintf(stderr, "usage: counted WORK COUNT\nWORK is one of:");
        for (auto const& [name, function] : works)
            std::fprintf(stderr, " %s", name.c_str());
        std::fprintf(stderr, "\n");
        return EXIT_FAILURE;
    }
    work->second(std::atoi(argv[2]));
    return EXIT_SUCCESS;
}

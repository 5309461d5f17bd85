// default_runner(): one runner for the whole process.
#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/tasks.hpp"
#include <syncopate/default_runner.hpp>
#include <syncopate/thread_runner.hpp>

#include <array>
#include <cstddef>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include <pthread.h>

namespace {

using syncopate::default_runner;

TEST_CASE(
    "default_runner() is the same runner on one loop thread for all that are first to use it") {
    support::Audit::expect_thread_to_stay();
    std::latch all_here(8);
    std::array<syncopate::ThreadRunner*, 8> runners{};
    std::array<std::thread::id, 8> loop_threads{};
    std::vector<std::jthread> callers;
    for (std::size_t i = 0; i < runners.size(); ++i)
        callers.emplace_back([&, i] {
            all_here.arrive_and_wait();
            runners[i] = &default_runner();
            loop_threads[i] = default_runner().call([] { return std::this_thread::get_id(); });
        });
    callers.clear();
    for (auto const* runner : runners)
        CHECK(runner == &default_runner());
    for (auto const& thread : loop_threads)
        CHECK(thread == loop_threads.front());
}

TEST_CASE("default_runner() runs tasks") {
    support::Audit::expect_thread_to_stay();
    CHECK(default_runner().run(support::twice_later(21)) == 42);
}

TEST_CASE("The thread of default_runner() bears its name") {
    support::Audit::expect_thread_to_stay();
    std::array<char, 16> name{};
    default_runner().call(
        [&] { ::pthread_getname_np(::pthread_self(), name.data(), name.size()); });
    CHECK(std::string(name.data()) == "default_runner");
}

}  // namespace

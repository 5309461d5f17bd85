// Sleeping on an address: the system's own way and the table, which are used in the same way.

#include "support/catch.hpp"
#include <syncopate/detail/system/system.hpp>
#include <syncopate/detail/threads/running_threads.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/futex.hpp>
#include <syncopate/detail/wait/wait_table.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace syncopate::detail;

using Word = std::atomic<std::uint32_t>;

template <class Wait>
void wait_while(Word& word, std::uint32_t value, Deadline deadline) {
    while (word.load() == value && Deadline::clock::now() < deadline)
        Wait::wait(word, value, deadline);
}

/// Two threads change a word in turns, each asleep while it is the other's turn. Others sleep on words that lie close by.
template <class Wait>
std::uint32_t last_of_turns(std::uint32_t turns) {
    std::array<Word, 40> words{};
    auto& word = words[20];
    auto const play = [&](std::uint32_t rest) {
        for (auto now = rest; now < turns; now += 2) {
            for (auto seen = word.load(); seen != now; seen = word.load())
                wait_while<Wait>(word, seen, no_deadline);
            word = now + 1;
            Wait::wake_all(&word);
        }
    };
    std::vector<std::thread> threads;
    for (auto& other : words)
        if (&other != &word)
            threads.emplace_back([&other] { wait_while<Wait>(other, 0, no_deadline); });
    std::thread first([&] { play(0); });
    play(1);
    first.join();
    for (auto& other : words) {
        if (&other == &word)
            continue;
        other = 1;
        Wait::wake_all(&other);
    }
    for (auto& thread : threads)
        thread.join();
    return word;
}

}  // namespace

TEST_CASE("No wake-up is lost, whoever else sleeps") {
    CHECK(last_of_turns<AddressWait>(2000) == 2000);
    CHECK(last_of_turns<WaitTable>(2000) == 2000);
}

TEST_CASE("All that sleep on an address are woken") {
    Word word{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i)
        threads.emplace_back([&] { wait_while<WaitTable>(word, 0, no_deadline); });
    word = 1;
    WaitTable::wake_all(&word);
    for (auto& thread : threads)
        thread.join();
    CHECK(word == 1);
}

TEST_CASE("A sleeper wakes at its deadline, and does not sleep if the word has changed") {
    Word word{7};
    auto const begin = Deadline::clock::now();
    wait_while<AddressWait>(word, 7, begin + 5ms);
    wait_while<WaitTable>(word, 7, begin + 10ms);
    CHECK(Deadline::clock::now() >= begin + 10ms);

    AddressWait::wait(word, 6, no_deadline);
    WaitTable::wait(word, 6, no_deadline);
    CHECK(word == 7);
}

// Windows tells by itself. With GCC 12 objects of threads are destroyed there when their memory has gone.
#if !defined(_WIN32)
TEST_CASE("A thread counts as running until its own objects are gone") {
    struct Slow {
        explicit Slow(std::shared_future<void> its_end) : end(std::move(its_end)) {}
        Slow(Slow const&) = delete;
        Slow& operator=(Slow const&) = delete;
        ~Slow() { end.wait(); }
        std::shared_future<void> end;
    };
    std::promise<void> end;
    auto const ended = end.get_future().share();
    std::thread thread;
    {
        RunningThreads::Start start;
        thread = std::thread([ended] {
            RunningThreads::mark_thread();
            thread_local Slow const slow(ended);
        });
        start.note(thread);
    }
    CHECK(!RunningThreads::try_join(thread));
    end.set_value();
    while (!RunningThreads::try_join(thread))
        std::this_thread::yield();
    CHECK(!thread.joinable());
}
#endif

TEST_CASE("A library that is not there is null, and so is a function that one does not have") {
    CHECK(system::load_library("syncopate-has-none", "1") == nullptr);
#if !defined(_WIN32)
    if (void* const library = system::load_library("stdc++", "6"))
        CHECK(system::find_function<void()>(library, "syncopate_has_none") == nullptr);
#endif
}

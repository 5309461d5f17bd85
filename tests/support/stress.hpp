// What the stress programs have in common.
#pragma once

#include "support/audit.hpp"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <stop_token>
#include <string>
#include <thread>

namespace support {

/// Called with a failure: a program says there where it was.
inline std::atomic<void (*)() noexcept> told_on_failure{nullptr};

/// Ends the program with a failure. From any thread.
[[noreturn]] inline void give_up(std::string const& reason) {
    if (auto const tell = told_on_failure.load())
        tell();
    std::fprintf(stderr, "FAILED: %s\n", reason.c_str());
    std::_Exit(EXIT_FAILURE);
}

inline void require(bool condition, char const* what) {
    if (!condition)
        give_up(what);
}

/// The number of iterations: the program's argument, or the default.
inline long iterations(int argc, char** argv, long by_default) {
    return argc > 1 ? std::atol(argv[1]) : by_default;
}

/// Fails if the program leaves anything behind.
inline void require_nothing_left(Audit const& audit) {
    if (auto const leftovers = audit.leftovers(); !leftovers.empty())
        give_up("left behind:\n" + leftovers);
}

/// Lets time pass at random: mostly none, sometimes so much that the other side falls asleep.
class RandomPause {
public:
    explicit RandomPause(unsigned seed) : random_(seed) {}

    /// A number below `limit`.
    unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }

    void operator()() {
        switch (below(16)) {
        case 0: return std::this_thread::sleep_for(std::chrono::microseconds(below(80)));
        case 1:
        case 2: return std::this_thread::yield();
        case 3:
        case 4: return spin(below(2000));
        default: return;
        }
    }

private:
    static void spin(unsigned turns) noexcept {
        while (turns-- != 0)
            std::atomic_signal_fence(std::memory_order_seq_cst);
    }

    std::minstd_rand random_;
};

/// A thread that asks the task to stop which the caller waits for.
class Stopper {
public:
    ~Stopper() {
        round_ = -1;
        thread_.join();
    }

    std::stop_token begin_round() {
        source_ = std::stop_source();
        ++round_;
        return source_.get_token();
    }
    void end_round() const noexcept {
        while (finished_ != round_)
            std::this_thread::yield();
    }

private:
    void serve() {
        RandomPause pause(2);
        for (int round = 1;; ++round) {
            while (round_ != round) {
                if (round_ == -1)
                    return;
                std::this_thread::yield();
            }
            pause();
            source_.request_stop();
            finished_ = round;
        }
    }

    std::stop_source source_;
    std::atomic<int> round_{0};
    std::atomic<int> finished_{0};
    std::thread thread_{[this] { serve(); }};
};

}  // namespace support

// What a test must not leave behind: threads, and objects that tell when they are alive.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace support {

/// An object that is counted while it is alive. Captured by a task, held by its frame or returned by
/// it, it shows that the task has been destroyed. Copies and moved-from objects count as well.
class Tracked {
public:
    Tracked() noexcept { ++alive_; }
    explicit Tracked(int value) noexcept : Tracked() { value_ = value; }
    Tracked(Tracked const& other) noexcept : Tracked(other.value_) {}
    Tracked(Tracked&& other) noexcept : Tracked(std::exchange(other.value_, 0)) {}
    Tracked& operator=(Tracked const&) = default;
    Tracked& operator=(Tracked&&) = default;
    ~Tracked() { --alive_; }

    int value() const noexcept { return value_; }

    static long alive() noexcept { return alive_; }

private:
    static inline std::atomic<long> alive_{0};
    int value_ = 0;
};

/// Compares the process with what it was when the object was made. catch_main.cpp does so around each
/// test case; a program without Catch2 makes an Audit of its own.
class Audit {
public:
    Audit() : threads_(threads()), tracked_(Tracked::alive()) { staying_ = 0; }

    /// What is here and was not before, in words; empty if nothing is. Waits for what is just going:
    /// the kernel lists a thread for a moment after it has been joined.
    std::string leftovers(std::chrono::milliseconds patience = std::chrono::seconds(5)) const {
        auto const deadline = std::chrono::steady_clock::now() + patience;
        for (;;) {
            auto found = leftovers_now();
            if (found.empty() || std::chrono::steady_clock::now() >= deadline)
                return found;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }

    /// For a test that starts something that lasts as long as the process, such as default_runner().
    static void expect_thread_to_stay() noexcept { ++staying_; }

private:
    using ThreadIds = std::set<std::string>;

    static ThreadIds threads() {
        ThreadIds ids;
        std::error_code error;  // where there is no such folder, threads are not looked for
        for (auto const& entry : std::filesystem::directory_iterator("/proc/self/task", error))
            ids.insert(entry.path().filename().string());
        return ids;
    }

    std::string leftovers_now() const {
        std::string found;
        std::size_t count = 0;
        for (auto const& id : threads()) {
            if (threads_.contains(id))
                continue;
            std::string name = "(gone)";
            std::getline(std::ifstream("/proc/self/task/" + id + "/comm"), name);
            found += "    thread " + id + ", \"" + name + "\"\n";
            ++count;
        }
        if (count <= staying_)
            found.clear();
        if (auto const alive = Tracked::alive(); alive != tracked_)
            found += "    tracked objects: " + std::to_string(alive - tracked_) + '\n';
        return found;
    }

    static inline std::atomic<std::size_t> staying_{0};

    ThreadIds threads_;
    long tracked_;
};

}  // namespace support

// Runs a small program of a few threads in every order that makes a difference, and with every result
// that the memory of the model allows, until a run goes wrong.
//
// A program is a class that is constructed anew for each run, with member functions for its threads:
//
//     struct Program {
//         void first();
//         void second();
//         void finally();          // optional: after all of them have ended
//         static constexpr std::tuple threads{&Program::first, &Program::second};
//         static constexpr unsigned early_wakes = 1;      // optional: see below
//     };
//
// The threads are fibers of one thread, which change places before each operation on an atomic object
// and each futex call; nothing else that they do is visible to others, or it is in Plain objects. A
// run goes wrong when
// - an assertion fails (model::require);
// - all threads that are left sleep, and no deadline is going to wake them: a lost wake-up;
// - two accesses to a Plain object, one of them a write, are not ordered by happens-before;
// - an atomic object is used outside its lifetime, or not ordered with its beginning or end;
// - it does not end.
//
// There is no bound on preemptions. What is bounded: how often futex waits return early, for no reason,
// in each thread. One with a deadline may always return early, because that has passed.
#pragma once

#include "fiber.hpp"
#include "hash.hpp"
#include "memory.hpp"
#include "mutation.hpp"
#include "search.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <optional>
#include <source_location>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace model {

/// What runs before and after the threads.
inline constexpr ThreadId main_thread = 0;

/// A line of the account of a run that went wrong.
struct Event {
    char const* operation;
    std::size_t object = 0;
    std::size_t message = 0;  // of those of the object
    std::uint64_t value = 0;
    std::source_location where{};
    ThreadId thread = main_thread;
};

class Scheduler {
public:
    static Scheduler& current() { return *current_; }

    explicit Scheduler(Search::Reduction reduction) : search_(reduction) { current_ = this; }
    Scheduler(Scheduler const&) = delete;
    Scheduler& operator=(Scheduler const&) = delete;
    ~Scheduler() { current_ = nullptr; }

    /// One run. Returns what went wrong.
    template <class Program>
    std::optional<std::string> run() {
        static_assert(std::tuple_size_v<decltype(Program::threads)> < max_threads);
        search_.restart();
        memory_ = Memory();
        events_.clear();
        threads_[main_thread].history = {};
        violation_.reset();
        steps_ = 0;
        running_ = main_thread;
        is_complete_ = was_started_ = false;
        if constexpr (requires { Program::early_wakes; })
            early_wakes_ = Program::early_wakes;
        try {
            Program program;
            std::vector<std::function<void()>> bodies;
            std::apply(
                [&](auto... thread) {
                    (bodies.push_back([&program, thread] { std::invoke(thread, program); }), ...);
                },
                Program::threads);
            run_threads(std::move(bodies));
            if (is_complete_)
                if constexpr (requires { program.finally(); })
                    program.finally();
        } catch (Violation const&) {
        }
        return violation_;
    }

    /// Whether the run came to its end, and did not only repeat others in another order.
    bool is_complete() const { return is_complete_; }

    Search& search() { return search_; }
    Memory& memory() { return memory_; }
    ThreadId running() const { return running_; }
    /// Whether the running code clears away what an incomplete run has left behind.
    bool is_clearing() const { return running_ == main_thread && was_started_ && !is_complete_; }

    /// What the running thread has done and learned by it: every result of a step on which depends
    /// what it does next, or the search would take two states for the same.
    void learn(Event event) {
        Thread& self = threads_[running_];
        self.history.add_address(event.operation);
        self.history.add(event.object);
        self.history.add(event.message);
        self.steps_since = 0;
        log(event, running_);
    }
    /// What it has done, if the thread goes on as it would in any case.
    void log(Event event) { log(event, running_); }

    // For the threads.

    /// Before an operation that others can notice: lets them go first.
    void before(Step step) {
        if (running_ == main_thread)
            return;
        if (++steps_ > max_steps)
            fail("the run does not end");
        threads_[running_].next = step;
        dispatch();
        ++threads_[running_].steps_since;
    }

    /// Before one that writes if the object holds this value, and otherwise reads only.
    void before_write_if(void const* address, std::uint64_t value) {
        threads_[running_].writes_if = value;
        before({address, Step::Effect::write});
        threads_[running_].writes_if.reset();
    }

    /// How a sleep can end without wake_all(): not at all, once in a run, or when the deadline passes.
    enum class Sleep { undisturbed, without_deadline, with_deadline };

    void sleep(void const* address, Sleep sleep) {
        Thread& self = threads_[running_];
        self.state = State::asleep;
        self.sleep = sleep;
        self.next = {address, Step::Effect::wait};
        log({.operation = "sleeps"});
        dispatch();
    }

    void wake_all(void const* address) {
        log({.operation = "wakes all"});
        for (ThreadId id = 1; id < max_threads; ++id)
            if (threads_[id].state == State::asleep && threads_[id].next.address == address)
                wake(id, "is woken");
    }

    /// The clock of the running thread: whether the deadline that it has in mind has passed.
    bool deadline_has_passed() {
        Thread& self = threads_[running_];
        if (!self.deadline_passed)
            self.deadline_passed = search_.choose(2) == 1;
        learn(
            {.operation = self.deadline_passed ? "is late" : "is in time",
             .message = self.deadline_passed});
        return self.deadline_passed;
    }

    [[noreturn]] void fail(std::string const& message) {
        violation_ = message + '\n' + account();
        if (running_ == main_thread)
            throw Violation();
        switch_to(main_thread);
        std::abort();
    }

private:
    struct Violation {};

    enum class State { absent, ready, asleep, ended };

    struct Thread {
        State state = State::absent;
        Step next{};
        std::optional<std::uint64_t> writes_if{};
        Sleep sleep = Sleep::undisturbed;
        bool deadline_passed = false;
        unsigned early_wakes = 0;  // that it has left
        Hash history{};            // of what it has learned
        unsigned steps_since = 0;
        std::function<void()> body{};
        Fiber fiber{};

        bool may_wake_early() const {
            return sleep == Sleep::with_deadline ||
                   (sleep == Sleep::without_deadline && early_wakes != 0);
        }
    };

    static constexpr unsigned max_steps = 300;

    void run_threads(std::vector<std::function<void()>> bodies) {
        for (ThreadId id = 1; id < max_threads; ++id)
            threads_[id].state = State::absent;
        for (ThreadId id = 1; id <= bodies.size(); ++id)
            start(id, std::move(bodies[id - 1]));
        was_started_ = true;
        dispatch();
        if (violation_)
            throw Violation();
        for (ThreadId id = 1; id <= bodies.size(); ++id)
            memory_.of(main_thread).join(memory_.of(id));
    }

    void start(ThreadId id, std::function<void()> body) {
        Thread& thread = threads_[id];
        thread.state = State::ready;
        thread.next = {};
        thread.writes_if.reset();
        thread.deadline_passed = false;
        thread.early_wakes = early_wakes_;
        thread.history = {};
        thread.steps_since = 0;
        thread.body = std::move(body);
        thread.fiber.start([] { current_->run_body(); });
        memory_.of(id) = memory_.of(main_thread);
    }

    [[noreturn]] void run_body() {
        Thread& self = threads_[running_];
        self.body();
        self.state = State::ended;
        dispatch();
        std::abort();
    }

    void wake(ThreadId id, char const* how) {
        threads_[id].state = State::ready;
        threads_[id].next = {};
        log({.operation = how}, id);
    }

    void log(Event event, ThreadId thread) {
        event.thread = thread;
        events_.push_back(event);
    }

    /// Gives the processor to the thread whose turn it is; returns when it is the caller's again.
    void dispatch() {
        ThreadId const next = pick();
        if (next != running_)
            switch_to(next);
    }

    void switch_to(ThreadId next) {
        Fiber& self = threads_[running_].fiber;
        running_ = next;
        self.switch_to(threads_[next].fiber);
    }

    ThreadId pick() {
        ThreadSet enabled;
        std::array<Step, max_threads> steps;
        bool anyone_left = false;
        bool anyone_can_go_on = false;
        for (ThreadId id = 1; id < max_threads; ++id) {
            Thread& thread = threads_[id];
            steps[id] = next_step(thread);
            if (thread.state == State::ready) {
                if (thread.next.effect == Step::Effect::none)
                    return id;  // it comes to its first step, whatever the others do
                enabled.insert(id);
                anyone_can_go_on = true;
            } else if (thread.state == State::asleep) {
                anyone_left = true;
                if (thread.may_wake_early())
                    enabled.insert(id);
                if (thread.sleep == Sleep::with_deadline)
                    anyone_can_go_on = true;
            }
        }
        if (!anyone_can_go_on) {
            if (anyone_left)
                fail("every thread that is left sleeps, and nobody wakes it");
            is_complete_ = true;
            return main_thread;
        }
        auto const chosen =
            search_.choose_thread(enabled, steps, [this] { return hash_of_state(); });
        if (!chosen)
            return main_thread;
        Thread& thread = threads_[*chosen];
        if (thread.state == State::asleep) {
            if (thread.sleep == Sleep::with_deadline)
                thread.deadline_passed = true;
            else
                --thread.early_wakes;
            wake(*chosen, "wakes early");
        }
        return *chosen;
    }

    /// Where a thread is in its program follows from what it has learned: from which stores it has
    /// read, and which places its own have among those of each object. From that for all threads
    /// follows the memory, too.
    std::uint64_t hash_of_state() const {
        Hash hash;
        for (Thread const& thread : threads_) {
            hash.add(thread.history.value());
            hash.add(static_cast<std::uint64_t>(thread.state));
            hash.add(thread.steps_since);
            hash.add(thread.early_wakes);
            hash.add(thread.deadline_passed);
        }
        memory_.add_to(hash);
        return hash.value();
    }

    Step next_step(Thread const& thread) {
        if (!thread.writes_if)
            return thread.next;
        Memory::Object const* const object = memory_.find(thread.next.address);
        bool const writes = object && object->latest().value == *thread.writes_if;
        return {thread.next.address, writes ? Step::Effect::write : Step::Effect::read};
    }

    std::string account() const {
        std::ostringstream text;
        for (Event const& event : events_) {
            text << "  thread " << event.thread << ": " << event.operation;
            if (event.where.line() != 0)
                text << " object " << event.object << ", " << event.value << "  ("
                     << short_name(event.where.function_name()) << ", line " << event.where.line()
                     << ')';
            text << '\n';
        }
        return text.str();
    }

    inline static Scheduler* current_ = nullptr;

    Search search_;
    Memory memory_;
    std::array<Thread, max_threads> threads_{};
    ThreadId running_ = main_thread;
    unsigned steps_ = 0;
    unsigned early_wakes_ = 1;
    bool is_complete_ = false;
    bool was_started_ = false;
    std::optional<std::string> violation_;
    std::vector<Event> events_;
};

/// An assertion of a program.
inline void require(bool condition, char const* message) {
    if (!condition)
        Scheduler::current().fail(message);
}

}  // namespace model

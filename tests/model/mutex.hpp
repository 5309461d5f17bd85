// A mutex of the model: who waits for it sleeps.
#pragma once

#include "memory.hpp"
#include "scheduler.hpp"
#include "search.hpp"

#include <cstddef>

namespace model {

/// What was before unlock() happens before what comes after the next lock().
class Mutex {
public:
    void lock() {
        auto& scheduler = Scheduler::current();
        scheduler.before({this, Step::Effect::write});
        while (is_locked_)
            scheduler.sleep(this, Scheduler::Sleep::undisturbed);
        is_locked_ = true;
        scheduler.memory().of(scheduler.running()).join(left_);
        // What the mutex guards is not told apart otherwise.
        scheduler.learn({.operation = "locks", .message = ++locks_});
    }

    void unlock() {
        auto& scheduler = Scheduler::current();
        scheduler.before({this, Step::Effect::write});
        is_locked_ = false;
        left_ = scheduler.memory().of(scheduler.running());
        scheduler.learn({.operation = "unlocks"});
        scheduler.wake_all(this);
    }

private:
    bool is_locked_ = false;
    std::size_t locks_ = 0;
    Knowledge left_{};
};

}  // namespace model

// A way from one thread to another that is not itself under test.
#pragma once

#include "memory.hpp"
#include "scheduler.hpp"
#include "search.hpp"

#include <utility>

namespace model {

/// A queue with room for one, such as the way through an io_context. What was before post() happens
/// before what comes after take(), and nothing the other way.
class HandOver {
public:
    void post() {
        auto& scheduler = Scheduler::current();
        scheduler.before({this, Step::Effect::wake});
        if (std::exchange(is_posted_, true))
            scheduler.fail("posted twice");
        sent_ = scheduler.memory().of(scheduler.running());
        scheduler.learn({.operation = "posts"});
        scheduler.wake_all(this);
    }

    void take() {
        auto& scheduler = Scheduler::current();
        scheduler.before({this, Step::Effect::wait});
        while (!is_posted_)
            scheduler.sleep(this, Scheduler::Sleep::undisturbed);
        is_posted_ = false;
        scheduler.memory().of(scheduler.running()).join(sent_);
        scheduler.learn({.operation = "takes"});
    }

    bool is_posted() const { return is_posted_; }

private:
    bool is_posted_ = false;
    Knowledge sent_{};
};

}  // namespace model

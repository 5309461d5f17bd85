// Data that is not atomic, and that notices races.
#pragma once

#include "memory.hpp"
#include "scheduler.hpp"

namespace model {

/// Its beginning and its end are writes, so that memory which is used again is watched too.
template <class T>
class Plain {
public:
    Plain() : Plain(T{}) {}
    Plain(T value) : value_(value) { write(); }
    Plain(Plain const& other) : Plain(other.get()) {}
    Plain& operator=(Plain const& other) {
        set(other.get());
        return *this;
    }
    ~Plain() {
        if (!Scheduler::current().is_clearing())
            write();
    }

    T get() const {
        auto& [written, read] = plain();
        if (!memory().are_known(written, running()))
            Scheduler::current().fail("data race: a read, and a write before it");
        memory().note(read, running());
        return value_;
    }
    void set(T value) {
        write();
        value_ = value;
    }

private:
    static Memory& memory() { return Scheduler::current().memory(); }
    static ThreadId running() { return Scheduler::current().running(); }

    Memory::Plain& plain() const { return memory().plain(this); }

    void write() {
        auto& [written, read] = plain();
        if (!memory().are_known(written, running()) || !memory().are_known(read, running()))
            Scheduler::current().fail("data race: a write, and an access before it");
        memory().note(written, running());
    }

    T value_;
};

}  // namespace model

// The platform of the model: atomics and a futex for the library's templates.
#pragma once

#include "memory.hpp"
#include "mutation.hpp"
#include "scheduler.hpp"
#include <syncopate/detail/wait/futex.hpp>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <source_location>
#include <type_traits>
#include <vector>

namespace model {

/// Has the interface of std::atomic, as far as it is used.
template <class T>
class Atomic {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(std::uint64_t));
    using Where = std::source_location;

public:
    Atomic(T value) {
        if (!memory().create(this, bits(value), running()))
            scheduler().fail("too many atomic objects: raise max_objects");
    }
    Atomic(Atomic const&) = delete;
    Atomic& operator=(Atomic const&) = delete;

    ~Atomic() {
        if (scheduler().is_clearing())
            return;
        Memory::Object& object = *memory().find(this);
        if (!memory().are_known(object.used, running()))
            scheduler().fail("an atomic object ends while another thread may be using it");
        object.alive = false;
    }

    T load(std::memory_order order, Where where = Where::current()) const {
        order = visit(Operation::load, order, where);
        scheduler().before(
            {this, is_sequential(order) ? Step::Effect::sequential_read : Step::Effect::read});
        return read(order, "load", where);
    }

    void store(T value, std::memory_order order, Where where = Where::current()) {
        order = visit(Operation::store, order, where);
        scheduler().before({this, Step::Effect::write});
        memory().write(object(), bits(value), order, running());
        learn("store", newest(), where);
    }

    T exchange(T value, std::memory_order order, Where where = Where::current()) {
        return modify([value](T) { return value; }, order, "exchange", where);
    }

    T fetch_add(T value, std::memory_order order, Where where = Where::current()) {
        return modify([value](T old) { return old + value; }, order, "fetch_add", where);
    }

    T fetch_or(T value, std::memory_order order, Where where = Where::current()) {
        return modify([value](T old) { return old | value; }, order, "fetch_or", where);
    }

    bool compare_exchange_strong(
        T& expected,
        T desired,
        std::memory_order success,
        std::memory_order failure,
        Where where = Where::current()) {
        return compare_exchange(
            expected, desired, visit(Operation::read_modify_write, success, where),
            visit(Operation::failed_compare_exchange, failure, where), where);
    }
    bool compare_exchange_strong(
        T& expected, T desired, std::memory_order order, Where where = Where::current()) {
        order = visit(Operation::read_modify_write, order, where);
        return compare_exchange(expected, desired, order, without_release(order), where);
    }
    bool compare_exchange_weak(
        T& expected,
        T desired,
        std::memory_order success,
        std::memory_order failure,
        Where where = Where::current()) {
        return compare_exchange_strong(expected, desired, success, failure, where);
    }

    /// What the kernel reads, which sees what the threads do to the word in one order.
    T latest() const { return value_of(object().latest().value); }

private:
    bool compare_exchange(
        T& expected, T desired, std::memory_order success, std::memory_order failure, Where where) {
        if (Mutations::current().is_split(where)) {
            T const seen = load_half(success, where);
            if (seen != expected) {
                expected = seen;
                return false;
            }
            store_half(desired, success, where);
            return true;
        }
        scheduler().before_write_if(this, bits(expected));
        Memory::Object& object = this->object();
        // It fails with any value that a load could return and that is not the expected one.
        std::size_t const last = object.history.size() - 1;
        std::vector<std::size_t> candidates{last};
        for (auto i = memory().oldest_visible(object, failure, running()); i < last; ++i)
            if (object.history[i].value != bits(expected))
                candidates.push_back(i);
        std::size_t const message =
            candidates[scheduler().search().choose(static_cast<unsigned>(candidates.size()))];
        if (object.history[message].value == bits(expected)) {
            memory().read(object, message, success, running());
            memory().write_modified(object, bits(desired), success, running());
            learn("compare_exchange", newest(), where);
            return true;
        }
        memory().read(object, message, failure, running());
        expected = value_of(object.history[message].value);
        learn("compare_exchange fails", message, where);
        return false;
    }

    static Scheduler& scheduler() { return Scheduler::current(); }
    static Memory& memory() { return scheduler().memory(); }
    static ThreadId running() { return scheduler().running(); }

    static std::uint64_t bits(T value) {
        std::uint64_t result = 0;
        std::memcpy(&result, &value, sizeof value);
        return result;
    }
    static T value_of(std::uint64_t bits) {
        T result{};
        std::memcpy(&result, &bits, sizeof result);
        return result;
    }

    static std::memory_order without_release(std::memory_order order) {
        switch (order) {
        case std::memory_order_acq_rel: return std::memory_order_acquire;
        case std::memory_order_release: return std::memory_order_relaxed;
        default: return order;
        }
    }

    static std::memory_order visit(Operation operation, std::memory_order order, Where where) {
        return Mutations::current().visit(operation, order, where);
    }

    Memory::Object& object() const {
        Memory::Object* const object = memory().find(this);
        if (!object || !object->alive)
            scheduler().fail("an atomic object is used that is not there");
        if (!memory().are_known(object->created, running()))
            scheduler().fail("an atomic object is used by a thread that cannot know of it");
        memory().note(object->used, running());
        return *object;
    }

    T read(std::memory_order order, char const* operation, Where where) const {
        Memory::Object& object = this->object();
        std::size_t const last = object.history.size() - 1;
        std::size_t const oldest = memory().oldest_visible(object, order, running());
        std::size_t const message =
            last - scheduler().search().choose(static_cast<unsigned>(last - oldest + 1));
        memory().read(object, message, order, running());
        learn(operation, message, where);
        return value_of(object.history[message].value);
    }

    template <class Function>
    T modify(Function function, std::memory_order order, char const* operation, Where where) {
        order = visit(Operation::read_modify_write, order, where);
        if (Mutations::current().is_split(where)) {
            T const old = load_half(order, where);
            store_half(static_cast<T>(function(old)), order, where);
            return old;
        }
        scheduler().before({this, Step::Effect::write});
        Memory::Object& object = this->object();
        T const old = value_of(object.latest().value);
        T const value = static_cast<T>(function(old));
        memory().read(object, object.history.size() - 1, order, running());
        memory().write_modified(object, bits(value), order, running());
        learn(operation, newest(), where);
        return old;
    }

    T load_half(std::memory_order order, Where where) {
        scheduler().before(
            {this, is_sequential(order) ? Step::Effect::sequential_read : Step::Effect::read});
        return read(order, "split load", where);
    }
    void store_half(T value, std::memory_order order, Where where) {
        scheduler().before({this, Step::Effect::write});
        memory().write(object(), bits(value), order, running());
        learn("split store", newest(), where);
    }

    std::size_t newest() const { return memory().find(this)->history.size() - 1; }

    void learn(char const* operation, std::size_t message, Where where) const {
        Memory::Object const& object = *memory().find(this);
        scheduler().learn(
            {.operation = operation,
             .object = object.index,
             .message = message,
             .value = object.history[message].value,
             .where = where});
    }
};

/// Satisfies syncopate::detail::Platform.
struct Platform {
    template <class T>
    using Atomic = model::Atomic<T>;

    static syncopate::detail::Deadline now() noexcept {
        return Scheduler::current().deadline_has_passed() ? syncopate::detail::Deadline::max()
                                                          : syncopate::detail::Deadline::min();
    }

    static void futex_wait(
        Atomic<std::uint32_t>& word,
        std::uint32_t expected,
        syncopate::detail::Deadline deadline) noexcept {
        auto& scheduler = Scheduler::current();
        scheduler.before({&word, Step::Effect::wait});
        if (word.latest() != expected)
            return scheduler.log({.operation = "does not sleep"});
        scheduler.sleep(
            &word, deadline == syncopate::detail::Deadline::max()
                       ? Scheduler::Sleep::without_deadline
                       : Scheduler::Sleep::with_deadline);
    }

    static void futex_wake_all(Atomic<std::uint32_t> const* word) noexcept {
        auto& scheduler = Scheduler::current();
        scheduler.before({word, Step::Effect::wake});
        scheduler.wake_all(word);
    }
};

}  // namespace model

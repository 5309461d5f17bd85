// The memory of the model: what has been written, and what each thread must or may see of it.
//
// Modelled, of the C++20 memory model:
// - Each atomic object keeps all that was ever stored to it. A load may return any of these values but
//   those that coherence forbids: a value older than one that the loading thread has written, read, or
//   learned of by synchronisation. So a store may be delayed past later loads of its thread (what a
//   store buffer does), and stores to different objects may become visible in different orders.
// - A release store carries all that its thread knows; an acquire load that reads it, or what
//   read-modify-writes have made of it, learns it. Relaxed ones carry and learn the object's own
//   order only. Loads of different threads need not agree on the order of two independent stores.
// - A sequentially consistent load does not return a value older than the newest that any sequentially
//   consistent operation on that object has written or read before it in the run.
// - A read-modify-write reads the newest value. A compare-exchange may also fail with an older one.
// - A store becomes visible in finite time: a thread overlooks the newest value of an object
//   max_overlooked times in a row, and then not again.
// - Happens-before, as vector clocks: for data races on Plain objects, and for the lifetime of atomic
//   objects, which must be created before, and destroyed after, all that others do with them.
//
// Not modelled: a store that takes effect before an earlier load or store of its thread to another
// object (load buffering; two stores that end in the order that neither thread wrote them in), the
// spurious failure of compare_exchange_weak, fences, consume.
#pragma once

#include "hash.hpp"
#include "search.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace model {

inline bool acquires(std::memory_order order) {
    return order == std::memory_order_acquire || order == std::memory_order_acq_rel ||
           order == std::memory_order_seq_cst;
}
inline bool releases(std::memory_order order) {
    return order == std::memory_order_release || order == std::memory_order_acq_rel ||
           order == std::memory_order_seq_cst;
}
inline bool is_sequential(std::memory_order order) {
    return order == std::memory_order_seq_cst;
}

/// Every atomic object of a run counts, dead or alive.
inline constexpr std::size_t max_objects = 20;

inline constexpr unsigned max_overlooked = 2;

/// What a thread knows, or a message tells: for each thread, how many of its events happened before;
/// for each object, the newest of its messages that must not be overlooked.
struct Knowledge {
    std::array<std::uint16_t, max_threads> events{};
    std::array<std::uint16_t, max_objects> newest{};

    void join(Knowledge const& other) {
        for (std::size_t i = 0; i < max_threads; ++i)
            if (events[i] < other.events[i])
                events[i] = other.events[i];
        for (std::size_t i = 0; i < max_objects; ++i)
            if (newest[i] < other.newest[i])
                newest[i] = other.newest[i];
    }
};

/// The last event of each thread that did something with an object. 0: none.
using LastEvents = std::array<std::uint16_t, max_threads>;

class Memory {
public:
    struct Message {
        std::uint64_t value;
        Knowledge released;
    };

    struct Object {
        std::size_t index;
        std::vector<Message> history;
        std::size_t sequential_floor = 0;
        LastEvents created{};
        LastEvents used{};
        std::array<unsigned, max_threads> overlooked{};
        bool alive = true;

        Message const& latest() const { return history.back(); }
    };

    Knowledge& of(ThreadId thread) { return knowledge_[thread]; }

    /// Whether all these events happen before the thread's next.
    bool are_known(LastEvents const& events, ThreadId thread) const {
        for (std::size_t i = 0; i < events.size(); ++i)
            if (events[i] > knowledge_[thread].events[i])
                return false;
        return true;
    }

    void note(LastEvents& events, ThreadId thread) {
        events[thread] = ++knowledge_[thread].events[thread];
    }

    Object* find(void const* address) {
        auto const found = by_address_.find(address);
        return found == by_address_.end() ? nullptr : &objects_[found->second];
    }

    /// False if there are too many.
    bool create(void const* address, std::uint64_t value, ThreadId thread) {
        if (objects_.size() == max_objects)
            return false;
        by_address_[address] = objects_.size();
        Object& object = objects_.emplace_back(Object{.index = objects_.size(), .history = {}});
        note(object.created, thread);
        object.history.push_back({value, {}});
        return true;
    }

    /// The oldest message that a load of the thread may return.
    std::size_t oldest_visible(
        Object const& object, std::memory_order order, ThreadId thread) const {
        if (object.overlooked[thread] == max_overlooked)
            return object.history.size() - 1;
        std::size_t const oldest = knowledge_[thread].newest[object.index];
        return is_sequential(order) ? std::max(oldest, object.sequential_floor) : oldest;
    }

    void read(Object& object, std::size_t message, std::memory_order order, ThreadId thread) {
        Knowledge& mine = knowledge_[thread];
        bool const is_newest = message + 1 == object.history.size();
        object.overlooked[thread] = is_newest ? 0 : object.overlooked[thread] + 1;
        see(object, message, order, mine);
        if (acquires(order))
            mine.join(object.history[message].released);
    }

    void write(Object& object, std::uint64_t value, std::memory_order order, ThreadId thread) {
        append(object, {value, {}}, order, thread);
    }

    /// After a read() of the latest message.
    void write_modified(
        Object& object, std::uint64_t value, std::memory_order order, ThreadId thread) {
        append(object, {value, object.latest().released}, order, thread);
    }

    /// Data that is not atomic, by its address, for ever: what lies there later must also be ordered
    /// after what lay there before.
    struct Plain {
        LastEvents written{};
        LastEvents read{};
    };
    Plain& plain(void const* address) { return plain_[address]; }

    /// What does not follow from what each thread has seen, message by message.
    void add_to(Hash& hash) const {
        for (Object const& object : objects_)
            if (object.alive)
                hash.add_all(object.overlooked);
    }

private:
    static void see(
        Object& object, std::size_t message, std::memory_order order, Knowledge& knowledge) {
        auto& newest = knowledge.newest[object.index];
        newest = std::max(newest, static_cast<std::uint16_t>(message));
        if (is_sequential(order))
            object.sequential_floor = std::max(object.sequential_floor, message);
    }

    void append(Object& object, Message message, std::memory_order order, ThreadId thread) {
        Knowledge& mine = knowledge_[thread];
        std::size_t const index = object.history.size();
        see(object, index, order, mine);
        message.released.newest[object.index] = static_cast<std::uint16_t>(index);
        if (releases(order))
            message.released.join(mine);
        object.history.push_back(message);
    }

    std::array<Knowledge, max_threads> knowledge_{};
    std::vector<Object> objects_;
    std::unordered_map<void const*, std::size_t> by_address_;
    std::unordered_map<void const*, Plain> plain_;
};

}  // namespace model

// ParkingSpot and InjectionQueue: a loop that parks, and producers that wake it, as OwnLoop does it.
#include "atomics.hpp"
#include "check.hpp"
#include "hand_over.hpp"
#include "mutex.hpp"
#include "plain.hpp"
#include "scheduler.hpp"
#include <syncopate/detail/loop/injection_queue.hpp>
#include <syncopate/detail/loop/operation.hpp>
#include <syncopate/detail/wait/parking_spot.hpp>
#include <syncopate/detail/wait/small_mutex.hpp>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <tuple>
#include <vector>

namespace {

using model::Atomic;
using model::check_every_order_is_needed;
using model::check_every_run;
using model::check_that_it_fails;
using model::Plain;
using model::require;
using syncopate::detail::BasicInjectionQueue;
using syncopate::detail::BasicParkingSpot;
using syncopate::detail::BasicSmallMutex;
using syncopate::detail::Deadline;
using syncopate::detail::Operation;
using enum std::memory_order;

using Queue = BasicInjectionQueue<model::Platform>;
using ParkingSpot = BasicParkingSpot<model::Platform>;

class Item final : public Operation {
public:
    Item() : Operation(&run_item) {}

    void fill() { content_.set(7); }
    int runs() const { return runs_; }

private:
    static void run_item(Operation& operation) noexcept {
        auto& self = static_cast<Item&>(operation);
        require(self.content_.get() == 7, "the operation is not whole");
        ++self.runs_;
    }

    Plain<int> content_{0};
    int runs_ = 0;
};

struct Recheck {
    static bool is_idle(Queue const& queue) { return queue.empty(); }
};
struct NoRecheck {
    static bool is_idle(Queue const&) { return true; }
};

/// OwnLoop, without what Asio adds.
template <class Rechecking>
struct Loop {
    Queue queue;
    model::Mutex mutex;
    ParkingSpot spot;
    model::HandOver handlers;
    Plain<int> room{0};  // for the one handler

    void submit(Item& item) {
        item.fill();
        auto const pushed = queue.push(item);
        require(pushed != Queue::Pushed::refused, "refused");
        if (pushed == Queue::Pushed::first && spot.unpark())
            post_turn();
    }

    void post_turn() {
        room.set(1);
        handlers.post();
    }

    void turn() {
        handlers.take();
        room.set(0);
        queue.run_some(64, [this](auto take) { return this->locked(take); });
        if (queue.has_pushed() || !spot.park([this] {
                return this->locked([this] { return Rechecking::is_idle(queue); });
            }))
            post_turn();
    }

    template <class F>
    auto locked(F f) {
        std::lock_guard const lock(mutex);
        return f();
    }
};

template <class Rechecking = Recheck>
struct TwoProducers : Loop<Rechecking> {
    Item first, second;

    void submit_first() { this->submit(first); }
    void submit_second() { this->submit(second); }
    void consume() {
        while (first.runs() + second.runs() < 2)
            this->turn();
    }
    void finally() { require(first.runs() == 1 && second.runs() == 1, "not run once"); }

    static constexpr std::tuple threads{
        &TwoProducers::consume, &TwoProducers::submit_first, &TwoProducers::submit_second};
};

/// One after the other: the second finds the loop awake, parking, or parked once more.
struct OneProducer : Loop<Recheck> {
    Item first, second;

    void produce() {
        submit(first);
        submit(second);
    }
    void consume() {
        while (second.runs() == 0) {
            turn();
            require(first.runs() >= second.runs(), "out of order");
        }
    }
    static constexpr std::tuple threads{&OneProducer::consume, &OneProducer::produce};
};

/// Both at once.
struct ThreeItems : Loop<Recheck> {
    Item first, second, third;

    void submit_two() {
        submit(first);
        submit(second);
    }
    void submit_third() { submit(third); }
    void consume() {
        while (second.runs() + third.runs() < 2)
            turn();
    }
    void finally() {
        require(first.runs() == 1 && second.runs() == 1 && third.runs() == 1, "not run once");
    }

    static constexpr std::tuple threads{
        &ThreeItems::consume, &ThreeItems::submit_two, &ThreeItems::submit_third};
};

/// What is withdrawn is not run, and what was pushed with it is.
struct Withdrawing : Loop<Recheck> {
    Item first, second;
    bool is_withdrawn = false;

    void submit_and_withdraw() {
        submit(first);
        is_withdrawn = locked([this] { return queue.withdraw(first); });
    }
    void submit_second() { submit(second); }
    void consume() {
        while (second.runs() == 0)
            turn();
        if (!locked([this] { return queue.empty(); }))
            turn();
    }
    void finally() {
        queue.run_some(1);
        require(first.runs() + is_withdrawn == 1, "neither run nor withdrawn, or both");
    }
    static constexpr std::tuple threads{
        &Withdrawing::consume, &Withdrawing::submit_and_withdraw, &Withdrawing::submit_second};
};

/// What is pushed is run, or refused.
struct Closing {
    Queue queue;
    Item first, second;
    bool first_refused = false, second_refused = false;

    void push_first() {
        first.fill();
        first_refused = queue.push(first) == Queue::Pushed::refused;
    }
    void push_second() {
        second.fill();
        second_refused = queue.push(second) == Queue::Pushed::refused;
    }
    void consume() {
        queue.run_some(1);
        queue.close();
    }
    void finally() {
        require(
            first.runs() == !first_refused && second.runs() == !second_refused,
            "neither run nor refused, or both");
    }
    static constexpr std::tuple threads{
        &Closing::consume, &Closing::push_first, &Closing::push_second};
};

/// A thread looks at what waits, while one produces and the loop runs it. An operation goes away once it has run.
/// Locked: what keeps the loop from taking operations out meanwhile.
template <template <class> class Locked>
struct Looking {
    struct Passing final : Operation {
        Passing() : Operation(&run_item) {}
        static void run_item(Operation& operation) noexcept {
            static_cast<Passing&>(operation).content.set(0);
        }
        Plain<int> content{0};
    };

    Queue queue;
    Locked<model::Platform> mutex;
    Passing first, second;

    void produce() {
        for (auto* const item : {&first, &second}) {
            item->content.set(7);
            queue.push(*item);
        }
    }
    void consume() {
        for (int turns = 0; turns < 2; ++turns)
            queue.run_some(1, [this](auto take) {
                std::lock_guard const lock(mutex);
                return take();
            });
        queue.close([this](auto take) {
            std::lock_guard const lock(mutex);
            return take();
        });
    }
    void look() {
        std::vector<Operation*> waiting;
        std::lock_guard const lock(mutex);
        queue.add_waiting_to(waiting);
        for (auto* const operation : waiting)
            require(
                static_cast<Passing*>(operation)->content.get() == 7,
                "the operation has run already");
    }
    static constexpr std::tuple threads{&Looking::consume, &Looking::produce, &Looking::look};
};

template <class>
struct NoMutex {
    void lock() {}
    void unlock() {}
};

}  // namespace

TEST_CASE("two producers wake a parked loop, and both operations run") {
    check_every_run<TwoProducers<>>();
}

TEST_CASE("a producer finds the loop awake, parking or parked") {
    check_every_run<OneProducer>();
}

TEST_CASE("two producers of three operations find the loop in any state") {
    check_every_run<ThreeItems>();
}

TEST_CASE("an operation is run or withdrawn, and the others are run") {
    check_every_run<Withdrawing>();
}

TEST_CASE("an operation that is pushed while the queue closes is run or refused") {
    check_every_run<Closing>();
}

TEST_CASE("who looks at the queue under the lock sees operations that have not run") {
    check_every_run<Looking<BasicSmallMutex>>();
}

TEST_CASE("who looks at the queue without the lock is found") {
    check_that_it_fails<Looking<NoMutex>>("data race");
}

TEST_CASE("a loop that does not look once more after parking is found") {
    check_that_it_fails<TwoProducers<NoRecheck>>("every thread that is left sleeps");
}

TEST_CASE("every memory order of ParkingSpot is needed") {
    check_every_order_is_needed<OneProducer, TwoProducers<>>("detail/wait/parking_spot.hpp");
}

TEST_CASE("every memory order of InjectionQueue is needed") {
    check_every_order_is_needed<Closing, OneProducer, TwoProducers<>, Looking<BasicSmallMutex>>(
        "detail/loop/injection_queue.hpp");
}

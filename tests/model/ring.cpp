// Ring: a producer and a consumer, each of which sleeps when it has nothing to do, as Pump does it.
#include "atomics.hpp"
#include "check.hpp"
#include "hand_over.hpp"
#include "plain.hpp"
#include "scheduler.hpp"
#include <syncopate/detail/iteration/ring.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>

#include <cstddef>
#include <optional>
#include <tuple>
#include <utility>

namespace {

using model::check_every_order_is_needed;
using model::check_every_run;
using model::check_that_it_fails;
using model::Plain;
using model::require;
using syncopate::detail::BasicOneShotEvent;
using syncopate::detail::Ring;

struct Shape {
    std::size_t capacity;
    int already = 0;  // how many items are in the ring when it begins
    int pushed;
    int taken;
    bool ends = true;  // and the consumer takes the end too
    bool producer_looks_again = true;
    bool consumer_gives_up = false;  // the first time that it would sleep
};

template <Shape shape>
struct Stream {
    Ring<Plain<int>, model::Platform> ring{shape.capacity};
    model::HandOver resume;   // by way of the loop's queue
    Plain<int> operation{0};  // that carries it, of which there is one
    bool gave_up = false;

    Stream() {
        for (int i = 0; i < shape.already; ++i)
            ring.push(Plain<int>(i));
    }

    void produce() {
        for (int i = 0; i < shape.pushed; ++i) {
            while (ring.is_full() && ring.producer_waits()) {
                resume.take();
                operation.set(0);
                if (!shape.producer_looks_again)
                    break;
            }
            require(!ring.is_full(), "no room");
            ring.push(Plain<int>(shape.already + i));
        }
        if (shape.ends)
            ring.close();
    }

    void consume() {
        for (int i = 0; i < shape.taken; ++i) {
            auto const item = next();
            require(item && item->get() == i, "an item is missing, or out of order");
        }
        if (shape.ends)
            require(!next(), "more items than were produced");
    }

    std::optional<Plain<int>> next() {
        for (;;) {
            std::optional<Plain<int>> item;
            if (ring.pop_into(item)) {
                if (ring.must_wake_producer()) {
                    operation.set(1);
                    resume.post();
                }
                return item;
            }
            if (ring.is_closed() && !ring.has_items())
                return std::nullopt;
            BasicOneShotEvent<model::Platform> word;
            ring.wait_for_item(word, [&] {
                if (shape.consumer_gives_up && !std::exchange(gave_up, true))
                    return false;
                word.wait();
                return true;
            });
        }
    }

    void finally() { require(!resume.is_posted(), "woken, and did not wait"); }

    // That it may wake early is OneShotEvent's concern, and tested there.
    static constexpr unsigned early_wakes = 0;
    static constexpr std::tuple threads{&Stream::produce, &Stream::consume};
};

using Empty = Stream<Shape{.capacity = 1, .pushed = 0, .taken = 0}>;
using OneItem = Stream<Shape{.capacity = 1, .pushed = 1, .taken = 1}>;
using OneItemAndNoEnd = Stream<Shape{.capacity = 1, .pushed = 1, .taken = 1, .ends = false}>;
using OneCell = Stream<Shape{.capacity = 1, .pushed = 2, .taken = 2}>;
using TwoCells = Stream<Shape{.capacity = 2, .pushed = 2, .taken = 2}>;
using OneFullCell = Stream<Shape{.capacity = 1, .already = 1, .pushed = 1, .taken = 2}>;
using TwoFullCells = Stream<Shape{.capacity = 2, .already = 2, .pushed = 1, .taken = 3}>;
// So many that the consumer tells what it has taken two at a time.
using NineFullCells = Stream<Shape{.capacity = 9, .already = 9, .pushed = 1, .taken = 10}>;
using Impatient = Stream<Shape{.capacity = 1, .pushed = 1, .taken = 1, .consumer_gives_up = true}>;
using ImpatientAtTheEnd =
    Stream<Shape{.capacity = 1, .pushed = 0, .taken = 0, .consumer_gives_up = true}>;

// The consumer leaves the last item.
constexpr Shape busy_cell{.capacity = 1, .already = 1, .pushed = 2, .taken = 2, .ends = false};
constexpr Shape trusting_producer = [] {
    Shape shape = busy_cell;
    shape.producer_looks_again = false;
    return shape;
}();

}  // namespace

TEST_CASE("a stream comes to its end through a ring of one cell") {
    check_every_run<Empty>();
    check_every_run<OneItem>();
    check_every_run<OneFullCell>();
    check_every_run<OneCell>();
}

TEST_CASE("a stream comes to its end through a ring of two cells") {
    check_every_run<TwoFullCells>();
    check_every_run<TwoCells>();
}

TEST_CASE("a producer of one item more than there is room for gets room in the end") {
    check_every_run<NineFullCells>();
}

TEST_CASE("a consumer gets an item after which nothing comes") {
    check_every_run<OneItemAndNoEnd>();
}

TEST_CASE("a consumer that gives up waiting gets what comes later") {
    check_every_run<Impatient>();
    check_every_run<ImpatientAtTheEnd>();
}

// A consumer that was slow after a pop takes the announcement that the producer has made since, and
// wakes it while the ring is full.
TEST_CASE("a producer that does not look again for room is found") {
    check_every_run<Stream<busy_cell>>();
    check_that_it_fails<Stream<trusting_producer>>("no room");
}

TEST_CASE("every memory order of Ring is needed") {
    check_every_order_is_needed<Empty, OneItem, OneItemAndNoEnd, OneFullCell, TwoFullCells>(
        "detail/iteration/ring.hpp");
}

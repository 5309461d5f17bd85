// The model itself: what it allows and what it does not, on the well-known small programs.
#include "atomics.hpp"
#include "explore.hpp"
#include "plain.hpp"
#include "scheduler.hpp"
#include "search.hpp"
#include "support/catch.hpp"
#include <syncopate/detail/wait/futex.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using model::Atomic;
using model::explore;
using model::Plain;
using model::require;
using enum std::memory_order;

/// Each stores to its own, and then looks at the other's.
template <std::memory_order store_order, std::memory_order load_order>
struct StoreBuffering {
    Atomic<int> x{0}, y{0};
    int seen_x = 0, seen_y = 0;

    void first() {
        x.store(1, store_order);
        seen_y = y.load(load_order);
    }
    void second() {
        y.store(1, store_order);
        seen_x = x.load(load_order);
    }
    void finally() { require(seen_x || seen_y, "neither saw the other"); }

    static constexpr std::tuple threads{&StoreBuffering::first, &StoreBuffering::second};
};

/// One writes data and raises a flag, the other sees the flag and reads.
template <std::memory_order store_order, std::memory_order load_order>
struct MessagePassing {
    Plain<int> data{0};
    Atomic<bool> flag{false};

    void first() {
        data.set(1);
        flag.store(true, store_order);
    }
    void second() {
        if (flag.load(load_order))
            require(data.get() == 1, "the old value");
    }

    static constexpr std::tuple threads{&MessagePassing::first, &MessagePassing::second};
};

/// The same by way of a third who modifies the flag, with no order of its own.
struct ReleaseSequence {
    Plain<int> data{0};
    Atomic<int> flag{0};

    void first() {
        data.set(1);
        flag.store(1, release);
    }
    void second() { flag.fetch_add(1, relaxed); }
    void third() {
        if (flag.load(acquire) == 2)
            require(data.get() == 1, "the old value");
    }
    static constexpr std::tuple threads{
        &ReleaseSequence::first, &ReleaseSequence::second, &ReleaseSequence::third};
};

/// Two look at two independent stores: do they agree which came first?
template <std::memory_order order>
struct IndependentReads {
    Atomic<int> x{0}, y{0};
    bool x_first = false, y_first = false;

    void first() { x.store(1, order == seq_cst ? seq_cst : release); }
    void second() { y.store(1, order == seq_cst ? seq_cst : release); }
    void third() { x_first = x.load(order) == 1 && y.load(order) == 0; }
    void fourth() { y_first = y.load(order) == 1 && x.load(order) == 0; }
    void finally() { require(!(x_first && y_first), "they disagree"); }

    static constexpr std::tuple threads{
        &IndependentReads::first, &IndependentReads::second, &IndependentReads::third,
        &IndependentReads::fourth};
};

struct Coherence {
    Atomic<int> x{0};

    void first() {
        x.store(1, relaxed);
        x.store(2, relaxed);
    }
    void second() {
        int const once = x.load(relaxed);
        require(once <= x.load(relaxed), "back in time");
    }
    static constexpr std::tuple threads{&Coherence::first, &Coherence::second};
};

/// What its threads have seen, in every run.
using Results = std::set<std::vector<int>>;

template <std::memory_order store_order, std::memory_order load_order>
struct AllOfStoreBuffering : StoreBuffering<store_order, load_order> {
    inline static Results results;
    void finally() { results.insert({this->seen_y, this->seen_x}); }
};

struct Counting {
    Atomic<int> count{0};

    void first() {
        for (int i = 0; i < 3; ++i)
            count.fetch_add(1, relaxed);
    }
    void finally() { require(count.load(relaxed) == 9, "lost an increment"); }
    static constexpr std::tuple threads{&Counting::first, &Counting::first, &Counting::first};
};

/// Something of everything.
struct Mixture {
    Atomic<int> x{0}, y{0};
    Atomic<std::uint32_t> word{0};
    std::array<int, 4> seen{};
    inline static Results results;

    void first() {
        x.store(1, release);
        seen[0] = y.load(seq_cst);
        word.store(1, release);
        model::Platform::futex_wake_all(&word);
    }
    void second() {
        y.store(1, seq_cst);
        int expected = 1;
        seen[1] = x.compare_exchange_strong(expected, 2, acq_rel, relaxed);
    }
    void third() {
        while (word.load(acquire) == 0)
            model::Platform::futex_wait(word, 0, syncopate::detail::Deadline::max());
        seen[2] = x.load(relaxed);
        seen[3] = y.fetch_add(1, acquire);
    }
    void finally() { results.insert({seen.begin(), seen.end()}); }
    static constexpr std::tuple threads{&Mixture::first, &Mixture::second, &Mixture::third};
};

/// Steps that do not depend on each other.
struct Independent {
    Atomic<int> x{0}, y{0}, z{0};

    void first() { x.store(1, seq_cst); }
    void second() { y.store(1, seq_cst); }
    void third() {
        z.store(1, seq_cst);
        z.store(2, seq_cst);
    }
    static constexpr std::tuple threads{
        &Independent::first, &Independent::second, &Independent::third};
};

struct Oversleeping {
    Atomic<std::uint32_t> word{0};

    void sleeper() {
        if (word.load(acquire) == 0)
            model::Platform::futex_wait(word, 0, syncopate::detail::Deadline::max());
    }
    void forgetful() { word.store(1, release); }
    static constexpr std::tuple threads{&Oversleeping::sleeper, &Oversleeping::forgetful};
};

/// The owner ends the object when it has seen the mark.
template <std::memory_order owner_order, bool touches_later>
struct Lifetime {
    std::optional<Atomic<int>> object{0};

    void owner() {
        if (object->load(owner_order) == 1)
            object.reset();
    }
    void user() {
        object->store(1, release);
        if (touches_later)
            object->load(relaxed);
    }
    static constexpr std::tuple threads{&Lifetime::owner, &Lifetime::user};
};

template <class Program>
bool fails() {
    return !explore<Program>().violation.empty();
}

}  // namespace

TEST_CASE("store buffering is seen unless all four are sequentially consistent") {
    CHECK_FALSE(fails<StoreBuffering<seq_cst, seq_cst>>());
    CHECK(fails<StoreBuffering<release, seq_cst>>());
    CHECK(fails<StoreBuffering<seq_cst, acquire>>());
    CHECK(fails<StoreBuffering<relaxed, relaxed>>());
}

TEST_CASE("a message needs a release and an acquire") {
    CHECK_FALSE(fails<MessagePassing<release, acquire>>());
    CHECK_FALSE(fails<MessagePassing<seq_cst, seq_cst>>());
    CHECK(fails<MessagePassing<relaxed, acquire>>());
    CHECK(fails<MessagePassing<release, relaxed>>());
}

TEST_CASE("a read-modify-write hands on what was released before it") {
    CHECK_FALSE(fails<ReleaseSequence>());
}

TEST_CASE("two observers agree only if they are sequentially consistent") {
    CHECK_FALSE(fails<IndependentReads<seq_cst>>());
    CHECK(fails<IndependentReads<acquire>>());
}

TEST_CASE("no thread sees an object go back in time") {
    CHECK_FALSE(fails<Coherence>());
}

TEST_CASE("a read-modify-write loses nothing") {
    CHECK_FALSE(fails<Counting>());
}

TEST_CASE("every result that the memory model allows is seen") {
    explore<AllOfStoreBuffering<relaxed, relaxed>>();
    CHECK(
        AllOfStoreBuffering<relaxed, relaxed>::results == Results{{0, 0}, {0, 1}, {1, 0}, {1, 1}});
    explore<AllOfStoreBuffering<seq_cst, seq_cst>>();
    CHECK(AllOfStoreBuffering<seq_cst, seq_cst>::results == Results{{0, 1}, {1, 0}, {1, 1}});
}

TEST_CASE("the orders that are left out add no result") {
    auto const all = explore<Mixture>(model::Search::Reduction::none);
    auto const expected = std::exchange(Mixture::results, {});
    auto const reduced = explore<Mixture>();
    CHECK(Mixture::results == expected);
    CHECK(reduced.runs < all.runs / 10);
    CHECK(explore<Independent>().runs == 1);
}

TEST_CASE("a sleeper whom nobody wakes is found") {
    CHECK_THAT(explore<Oversleeping>().violation, Catch::Matchers::ContainsSubstring("sleeps"));
}

TEST_CASE("an object that ends while another thread may use it is found") {
    CHECK_FALSE(fails<Lifetime<acquire, false>>());
    CHECK(fails<Lifetime<relaxed, false>>());
    CHECK(fails<Lifetime<acquire, true>>());
}

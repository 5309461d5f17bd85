#include "support/catch.hpp"
#include <syncopate/async_generator.hpp>
#include <syncopate/concepts.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <exception>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using syncopate::AsyncGenerator;

static_assert(syncopate::ClosableIterable<AsyncGenerator<int>>);
static_assert(std::is_same_v<syncopate::iterable_value_t<AsyncGenerator<int>&>, int>);
static_assert(std::is_nothrow_move_constructible_v<AsyncGenerator<int>>);
static_assert(std::is_nothrow_move_assignable_v<AsyncGenerator<int>>);
static_assert(!std::is_copy_constructible_v<AsyncGenerator<int>>);

// What the body may await, and what it may not.
using syncopate::detail::AwaitableInGenerator;
static_assert(AwaitableInGenerator<asio::awaitable<int>>);
static_assert(!AwaitableInGenerator<asio::awaitable<int>&>);
static_assert(AwaitableInGenerator<decltype(asio::post(asio::deferred))>);
static_assert(AwaitableInGenerator<asio::this_coro::executor_t const&>);
static_assert(!AwaitableInGenerator<int>);
static_assert(AwaitableInGenerator<std::suspend_always>);
static_assert(!AwaitableInGenerator<std::suspend_always&>);

// Runs the tasks, all at once, until they have ended; what one throws comes out.
template <class... Factories>
void run_on(asio::io_context& loop, Factories... factories) {
    std::exception_ptr error;
    auto const done = [&error](std::exception_ptr failure) {
        if (failure)
            error = failure;
    };
    (asio::co_spawn(loop, std::move(factories), done), ...);
    loop.restart();
    loop.run();
    if (error)
        std::rethrow_exception(error);
}

template <class... Factories>
void run(Factories... factories) {
    asio::io_context loop;
    run_on(loop, std::move(factories)...);
}

// Runs the task and cancels it, when it first waits for something.
template <class Factory>
void run_cancelled(Factory factory) {
    asio::io_context loop;
    asio::cancellation_signal signal;
    std::exception_ptr error;
    asio::co_spawn(
        loop, std::move(factory),
        asio::bind_cancellation_slot(
            signal.slot(), [&](std::exception_ptr failure) { error = failure; }));
    asio::post(loop, [&] { signal.emit(asio::cancellation_type::terminal); });
    loop.run();
    if (error)
        std::rethrow_exception(error);
}

template <class T>
std::vector<T> items_of(AsyncGenerator<T> generator) {
    std::vector<T> items;
    run([&]() -> asio::awaitable<void> {
        while (auto item = co_await generator.anext())
            items.push_back(std::move(*item));
    });
    return items;
}

template <class T>
std::optional<T> next_of(AsyncGenerator<T>& generator) {
    std::optional<T> item;
    run([&]() -> asio::awaitable<void> { item = co_await generator.anext(); });
    return item;
}

// A loop on a thread of its own.
class LoopThread {
public:
    LoopThread() = default;
    LoopThread(LoopThread const&) = delete;
    LoopThread& operator=(LoopThread const&) = delete;
    ~LoopThread() { join(); }

    void join() {
        work_.reset();
        if (thread_.joinable())
            thread_.join();
    }
    asio::io_context& loop() { return loop_; }
    std::thread::id id() const { return thread_.get_id(); }

    template <class T>
    T run(asio::awaitable<T> task) {
        return asio::co_spawn(loop_, std::move(task), asio::use_future).get();
    }

private:
    asio::io_context loop_;
    asio::executor_work_guard<asio::io_context::executor_type> work_{loop_.get_executor()};
    std::thread thread_{[this] { loop_.run(); }};
};

// Notes the thread on which it is destroyed, and that it is destroyed once.
class Farewell {
public:
    struct Note {
        int count = 0;
        std::thread::id thread;
    };

    explicit Farewell(Note& note) : note_(&note) {}
    Farewell(Farewell&& other) noexcept : note_(std::exchange(other.note_, nullptr)) {}
    Farewell& operator=(Farewell&&) = delete;
    ~Farewell() {
        if (!note_)
            return;
        ++note_->count;
        note_->thread = std::this_thread::get_id();
    }

private:
    Note* note_;
};

// Ends with operation_aborted when cancelled.
asio::awaitable<void> wait_for_ever() {
    asio::steady_timer timer(
        co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
    co_await timer.async_wait(asio::deferred);
}

// Suspends once.
asio::awaitable<void> yield_to_others() {
    co_await asio::post(co_await asio::this_coro::executor, asio::deferred);
}

template <class T>
asio::awaitable<T> value_of(T value) {
    co_return std::move(value);
}

AsyncGenerator<int> count_to(int last) {
    for (int i = 1; i <= last; ++i)
        co_yield i;
}

AsyncGenerator<int> count_and_say_farewell(Farewell farewell) {
    Farewell const local(std::move(farewell));
    for (int i = 1;; ++i)
        co_yield i;
}

bool is_aborted(boost::system::system_error const& error) {
    return error.code() == asio::error::operation_aborted;
}

// --- items

TEST_CASE("A generator yields its items in order and is then empty for good") {
    run([]() -> asio::awaitable<void> {
        auto generator = count_to(2);
        auto const first = co_await generator.anext();
        CHECK(first == 1);
        auto const second = co_await generator.anext();
        CHECK(second == 2);
        auto const end = co_await generator.anext();
        CHECK(end == std::nullopt);
        auto const still_the_end = co_await generator.anext();
        CHECK(still_the_end == std::nullopt);
    });
}

TEST_CASE("A generator without items is empty at once") {
    CHECK(items_of(count_to(0)).empty());
}

AsyncGenerator<int> note_start(bool& started) {
    started = true;
    co_yield 1;
}

TEST_CASE("Nothing of the body runs before the first anext() is awaited") {
    bool started = false;
    auto generator = note_start(started);
    CHECK_FALSE(started);
    {
        auto const unawaited = generator.anext();
    }
    CHECK_FALSE(started);
    CHECK(next_of(generator) == 1);
    CHECK(started);
}

TEST_CASE("A generator that never started is destroyed in place") {
    Farewell::Note note;
    {
        auto const generator = count_and_say_farewell(Farewell(note));
    }
    CHECK(note.count == 1);
}

TEST_CASE("A generator can be moved between the making and the awaiting of an anext()") {
    run([]() -> asio::awaitable<void> {
        auto generator = count_to(2);
        auto next = generator.anext();
        auto const moved = std::move(generator);
        auto const first = co_await std::move(next);
        CHECK(first == 1);
    });
}

TEST_CASE("A generator that was moved from is at its end") {
    run([]() -> asio::awaitable<void> {
        auto generator = count_to(2);
        auto const moved = std::move(generator);
        auto const end = co_await generator.anext();
        CHECK(end == std::nullopt);
        co_await generator.aclose();
    });
}

TEST_CASE("A generator that is assigned to ends what it had") {
    run([]() -> asio::awaitable<void> {
        Farewell::Note note;
        auto generator = count_and_say_farewell(Farewell(note));
        co_await generator.anext();
        generator = count_and_say_farewell(Farewell(note));
        CHECK(note.count == 1);
    });
}

class Token {
public:
    explicit Token(int value) : value_(std::make_unique<int>(value)) {}
    int value() const { return *value_; }

private:
    std::unique_ptr<int> value_;
};

AsyncGenerator<Token> tokens() {
    co_yield Token(1);
    Token second(2);
    co_yield std::move(second);
}

TEST_CASE("Items may be move-only and not default-constructible") {
    auto const items = items_of(tokens());
    REQUIRE(items.size() == 2);
    CHECK(items[0].value() == 1);
    CHECK(items[1].value() == 2);
}

AsyncGenerator<std::string> all_forms_of_yield() {
    std::string const long_text(100, 'x');
    co_yield std::string("temporary ") + long_text;
    std::string lvalue = "lvalue " + long_text;
    co_yield lvalue;
    co_yield lvalue + " still there";
    co_yield std::move(lvalue);
    co_yield long_text;
    co_yield "converted";
}

TEST_CASE("An item can be yielded in every form that initialises it") {
    std::string const x(100, 'x');
    CHECK(
        items_of(all_forms_of_yield()) == std::vector<std::string>{
                                              "temporary " + x, "lvalue " + x,
                                              "lvalue " + x + " still there", "lvalue " + x, x,
                                              "converted"});
}

struct Row {
    std::string name;
    int number;
};

Row make_row(char letter) {
    return {std::string(100, letter), 1};
}

AsyncGenerator<Row> rows() {
    co_yield make_row('a');
    Row row{std::string(100, 'b'), 2};
    co_yield row;
    co_yield std::move(row);
}

TEST_CASE("Aggregates can be yielded, from functions and variables") {
    auto const items = items_of(rows());
    REQUIRE(items.size() == 3);
    CHECK(items[0].name == std::string(100, 'a'));
    CHECK(items[1].name == std::string(100, 'b'));
    CHECK(items[2].name == std::string(100, 'b'));
    CHECK(items[2].number == 2);
}

class Counted {
public:
    explicit Counted(int& copies) : copies_(&copies) {}
    Counted(Counted const& other) : copies_(other.copies_) { ++*copies_; }
    Counted(Counted&& other) noexcept = default;
    Counted& operator=(Counted const&) = delete;
    Counted& operator=(Counted&&) = delete;
    ~Counted() = default;

private:
    int* copies_;
};

AsyncGenerator<Counted> temporary_then_lvalue(int& copies) {
    co_yield Counted(copies);
    Counted const lvalue(copies);
    co_yield lvalue;
}

TEST_CASE("A temporary is not copied on its way out, and an lvalue once") {
    int copies = 0;
    run([&]() -> asio::awaitable<void> {
        auto generator = temporary_then_lvalue(copies);
        co_await generator.anext();
        CHECK(copies == 0);
        co_await generator.anext();
        CHECK(copies == 1);
    });
}

class Library {
public:
    explicit Library(std::string title) : title_(std::move(title)) {}
    AsyncGenerator<std::string> titles(int count) const {
        for (int i = 1; i <= count; ++i)
            co_yield title_ + std::to_string(i);
    }

private:
    std::string title_;
};

TEST_CASE("A member function can be a generator") {
    Library const library("volume ");
    CHECK(items_of(library.titles(2)) == std::vector<std::string>{"volume 1", "volume 2"});
}

AsyncGenerator<int> doubled(AsyncGenerator<int> inner) {
    while (auto item = co_await inner.anext())
        co_yield 2 * *item;
}

TEST_CASE("A generator can consume another one") {
    CHECK(items_of(doubled(doubled(count_to(3)))) == std::vector<int>{4, 8, 12});
}

AsyncGenerator<int> count_awaited(int last) {
    for (int i = 1; i <= last; ++i) {
        int const item = co_await value_of(i);
        if (item == last)
            co_yield item;
    }
}

TEST_CASE("A long run of awaitables that complete at once does not grow the stack") {
    CHECK(items_of(count_awaited(300'000)) == std::vector<int>{300'000});
}

// --- what the body awaits

AsyncGenerator<std::string> await_values() {
    co_await yield_to_others();
    std::string text = co_await value_of(std::string("text"));
    co_yield std::move(text);
    Token token = co_await value_of(Token(7));
    co_yield std::to_string(token.value());
    auto awaitable = value_of(std::string("named"));
    co_yield co_await std::move(awaitable);
}

TEST_CASE("The body awaits awaitables of any value") {
    CHECK(items_of(await_values()) == std::vector<std::string>{"text", "7", "named"});
}

template <class... Args>
auto complete_with(Args... args) {
    return asio::async_initiate<decltype(asio::deferred), void(Args...)>(
        [](auto handler, auto... results) {
            auto const executor = asio::get_associated_executor(handler);
            asio::post(
                executor, [handler = std::move(handler),
                           results = std::tuple(std::move(results)...)]() mutable {
                    std::apply(std::move(handler), std::move(results));
                });
        },
        asio::deferred, std::move(args)...);
}

AsyncGenerator<int> await_operations() {
    boost::system::error_code const success;
    boost::system::error_code const failure = asio::error::eof;
    co_await complete_with();
    co_await complete_with(success);
    co_yield co_await complete_with(1);
    co_yield co_await complete_with(success, 2);
    auto [three, four] = co_await complete_with(success, 3, std::string("4"));
    co_yield three;
    co_yield std::stoi(four);
    std::optional<int> caught;
    try {
        co_await complete_with(failure, 5);
    } catch (boost::system::system_error const& error) {
        caught = error.code() == asio::error::eof ? 6 : 0;
    }
    co_yield *caught;
}

TEST_CASE("The body awaits deferred operations, with the results of use_awaitable") {
    CHECK(items_of(await_operations()) == std::vector<int>{1, 2, 3, 4, 6});
}

class Failure : public std::runtime_error {
public:
    Failure() : std::runtime_error("failure") {}
};

asio::awaitable<int> fail(std::exception const*& thrown) {
    try {
        throw Failure();
    } catch (Failure const& failure) {
        thrown = &failure;
        throw;
    }
    co_return 0;
}

AsyncGenerator<bool> catch_failure() {
    std::exception const* thrown = nullptr;
    std::exception const* caught = nullptr;
    try {
        co_await fail(thrown);
    } catch (Failure const& failure) {
        caught = &failure;
    }
    co_yield thrown != nullptr&& caught == thrown;
}

TEST_CASE("What an awaitable throws reaches the body as the same object") {
    CHECK(items_of(catch_failure()) == std::vector<bool>{true});
}

AsyncGenerator<int> fail_after_one(std::exception const*& thrown, Farewell farewell) {
    Farewell const local(std::move(farewell));
    co_yield 1;
    co_await fail(thrown);
}

TEST_CASE("What the body throws comes out of its anext() as the same object, and then the end") {
    run([]() -> asio::awaitable<void> {
        std::exception const* thrown = nullptr;
        std::exception const* caught = nullptr;
        Farewell::Note note;
        auto generator = fail_after_one(thrown, Farewell(note));
        auto const first = co_await generator.anext();
        CHECK(first == 1);
        try {
            co_await generator.anext();
        } catch (Failure const& failure) {
            caught = &failure;
        }
        CHECK(caught != nullptr);
        CHECK(caught == thrown);
        CHECK(note.count == 1);
        auto const end = co_await generator.anext();
        CHECK(end == std::nullopt);
    });
}

AsyncGenerator<asio::any_io_executor> yield_executor() {
    co_yield co_await asio::this_coro::executor;
    co_yield co_await asio::this_coro::executor;
}

TEST_CASE("The body's executor is that of the task that awaits anext()") {
    asio::io_context loop;
    asio::any_io_executor const strand = asio::make_strand(loop);
    auto generator = yield_executor();
    auto const compare_executors = [&]() -> asio::awaitable<void> {
        auto const expected = co_await asio::this_coro::executor;
        auto const item = co_await generator.anext();
        CHECK(item == expected);
    };
    run_on(loop, compare_executors);
    asio::co_spawn(strand, compare_executors, asio::detached);
    loop.restart();
    loop.run();
}

// --- cancellation

AsyncGenerator<int> clean_up_when_cancelled(std::vector<std::string>& log) {
    std::exception_ptr aborted;
    try {
        co_await wait_for_ever();
    } catch (boost::system::system_error const& error) {
        log.push_back(is_aborted(error) ? "aborted" : "other error");
        aborted = std::current_exception();
    }
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await yield_to_others();
    log.emplace_back("cleaned up");
    std::rethrow_exception(aborted);
    co_yield 0;
}

TEST_CASE(
    "Cancellation reaches what the body waits for, and the body can clean up with co_awaits") {
    std::vector<std::string> log;
    run_cancelled([&]() -> asio::awaitable<void> {
        auto generator = clean_up_when_cancelled(log);
        try {
            co_await generator.anext();
        } catch (boost::system::system_error const& error) {
            log.push_back(is_aborted(error) ? "anext aborted" : "other error");
        }
        log.push_back(co_await generator.anext() ? "item" : "end");
    });
    CHECK(log == std::vector<std::string>{"aborted", "cleaned up", "anext aborted", "end"});
}

AsyncGenerator<int> await_after_cancellation(std::vector<std::string>& log) {
    for (int i = 0; i < 3; ++i) {
        try {
            if (i < 2)
                co_await wait_for_ever();
            else
                co_await complete_with(1);
            log.emplace_back("completed");
        } catch (boost::system::system_error const& error) {
            log.push_back(is_aborted(error) ? "aborted" : "other error");
        }
    }
    co_yield 1;
}

TEST_CASE("In a task that is cancelled already, a co_await of the body throws in the body") {
    std::vector<std::string> log;
    std::optional<int> item;
    run_cancelled([&]() -> asio::awaitable<void> {
        auto generator = await_after_cancellation(log);
        item = co_await generator.anext();
    });
    CHECK(log == std::vector<std::string>{"aborted", "aborted", "aborted"});
    CHECK(item == 1);
}

AsyncGenerator<int> use_this_coro_when_cancelled(std::vector<bool>& log) {
    try {
        co_await wait_for_ever();
    } catch (boost::system::system_error const&) {
        log.push_back(true);
    }
    co_await asio::this_coro::executor;
    auto const state = co_await asio::this_coro::cancellation_state;
    log.push_back(state.cancelled() == asio::cancellation_type::terminal);

    log.push_back(co_await asio::this_coro::throw_if_cancelled());
    co_await asio::this_coro::throw_if_cancelled(false);
    log.push_back(!co_await asio::this_coro::throw_if_cancelled());
    co_await yield_to_others();
    co_await asio::this_coro::throw_if_cancelled(true);
    log.push_back(co_await asio::this_coro::throw_if_cancelled());

    co_await asio::this_coro::reset_cancellation_state();
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    co_await asio::this_coro::reset_cancellation_state(
        asio::enable_total_cancellation(), asio::disable_cancellation());
    auto const fresh = co_await asio::this_coro::cancellation_state;
    log.push_back(fresh.cancelled() == asio::cancellation_type::none);
    co_await yield_to_others();
    co_yield 1;
}

TEST_CASE("this_coro's operations work in the body, in a cancelled task too") {
    std::vector<bool> log;
    std::optional<int> item;
    run_cancelled([&]() -> asio::awaitable<void> {
        auto generator = use_this_coro_when_cancelled(log);
        item = co_await generator.anext();
    });
    CHECK(log == std::vector<bool>(6, true));
    CHECK(item == 1);
}

AsyncGenerator<bool> read_throw_if_cancelled() {
    co_yield co_await asio::this_coro::throw_if_cancelled();
}

TEST_CASE("A this_coro operation of the body leaves the task's throw_if_cancelled as it was") {
    run([]() -> asio::awaitable<void> {
        auto generator = read_throw_if_cancelled();
        auto const item = co_await generator.anext();
        CHECK(item == true);
        bool const still_throws = co_await asio::this_coro::throw_if_cancelled();
        CHECK(still_throws);
    });
}

// --- one step at a time

AsyncGenerator<int> wait_once() {
    co_await yield_to_others();
    co_yield 1;
}

TEST_CASE("A second anext() while one is in progress throws, and does not disturb the first") {
    auto generator = wait_once();
    std::optional<int> item;
    std::string message;
    run([&]() -> asio::awaitable<void> { item = co_await generator.anext(); },
        [&]() -> asio::awaitable<void> {
            try {
                co_await generator.anext();
            } catch (std::logic_error const& error) {
                message = error.what();
            }
        });
    CHECK(message == "asynchronous generator is already running");
    CHECK(item == 1);
}

TEST_CASE("An aclose() while an anext() is in progress throws, and does not disturb it") {
    auto generator = wait_once();
    std::optional<int> item;
    bool has_thrown = false;
    run([&]() -> asio::awaitable<void> { item = co_await generator.anext(); },
        [&]() -> asio::awaitable<void> {
            try {
                co_await generator.aclose();
            } catch (std::logic_error const&) {
                has_thrown = true;
            }
        });
    CHECK(has_thrown);
    CHECK(item == 1);
}

AsyncGenerator<int> await_itself(AsyncGenerator<int>& self) {
    co_await self.anext();
    co_yield 1;
}

TEST_CASE("A body that awaits its own generator is told so") {
    run([]() -> asio::awaitable<void> {
        std::optional<AsyncGenerator<int>> self;
        auto generator = count_to(1);
        generator = await_itself(generator);
        bool has_thrown = false;
        try {
            co_await generator.anext();
        } catch (std::logic_error const&) {
            has_thrown = true;
        }
        CHECK(has_thrown);
    });
}

// --- aclose()

TEST_CASE("aclose() destroys the body, and is idempotent") {
    run([]() -> asio::awaitable<void> {
        Farewell::Note note;
        auto generator = count_and_say_farewell(Farewell(note));
        co_await generator.anext();
        co_await generator.aclose();
        CHECK(note.count == 1);
        auto const end = co_await generator.anext();
        CHECK(end == std::nullopt);
        co_await generator.aclose();
        CHECK(note.count == 1);
    });
}

TEST_CASE("aclose() before the start keeps the body from ever running") {
    run([]() -> asio::awaitable<void> {
        bool started = false;
        auto generator = note_start(started);
        co_await generator.aclose();
        auto const end = co_await generator.anext();
        CHECK(end == std::nullopt);
        CHECK_FALSE(started);
    });
}

TEST_CASE("An anext() made before aclose() and awaited after it is empty") {
    run([]() -> asio::awaitable<void> {
        auto generator = count_to(2);
        auto next = generator.anext();
        co_await generator.aclose();
        auto const end = co_await std::move(next);
        CHECK(end == std::nullopt);
    });
}

// --- destruction

AsyncGenerator<int> keep_parameter(Farewell /*farewell*/) {
    co_yield 1;
}

TEST_CASE("At its end a generator has destroyed its parameters") {
    run([]() -> asio::awaitable<void> {
        Farewell::Note note;
        auto generator = keep_parameter(Farewell(note));
        auto const first = co_await generator.anext();
        CHECK(first == 1);
        CHECK(note.count == 0);
        auto const end = co_await generator.anext();
        CHECK(end == std::nullopt);
        CHECK(note.count == 1);
    });
}

TEST_CASE("Destroyed on its loop, a generator cleans up at once") {
    run([]() -> asio::awaitable<void> {
        Farewell::Note note;
        {
            auto generator = count_and_say_farewell(Farewell(note));
            co_await generator.anext();
        }
        CHECK(note.count == 1);
    });
}

TEST_CASE("Destroyed on another thread, a generator cleans up on its loop's") {
    Farewell::Note note;
    LoopThread loop;
    auto const loop_id = loop.id();
    {
        auto generator = count_and_say_farewell(Farewell(note));
        CHECK(loop.run(generator.anext()) == 1);
    }
    loop.join();
    CHECK(note.count == 1);
    CHECK(note.thread == loop_id);
}

TEST_CASE("A generator cleans up on the loop of its last anext()") {
    Farewell::Note note;
    LoopThread first;
    LoopThread second;
    auto const second_id = second.id();
    {
        auto generator = count_and_say_farewell(Farewell(note));
        CHECK(first.run(generator.anext()) == 1);
        CHECK(second.run(generator.anext()) == 2);
    }
    second.join();
    CHECK(note.count == 1);
    CHECK(note.thread == second_id);
}

TEST_CASE("A generator on a strand cleans up on the strand") {
    class NoteStrand {
    public:
        NoteStrand(asio::strand<asio::io_context::executor_type> strand, bool& on_strand)
            : strand_(std::move(strand)), on_strand_(&on_strand) {}
        NoteStrand(NoteStrand&& other) noexcept
            : strand_(other.strand_), on_strand_(std::exchange(other.on_strand_, nullptr)) {}
        NoteStrand& operator=(NoteStrand&&) = delete;
        ~NoteStrand() {
            if (on_strand_)
                *on_strand_ = strand_.running_in_this_thread();
        }

    private:
        asio::strand<asio::io_context::executor_type> strand_;
        bool* on_strand_;
    };
    auto const hold = [](NoteStrand /*note*/) -> AsyncGenerator<int> { co_yield 1; };

    bool on_strand = false;
    asio::io_context loop;
    auto const strand = asio::make_strand(loop);
    std::optional generator(hold(NoteStrand(strand, on_strand)));
    asio::co_spawn(strand, generator->anext(), asio::detached);
    loop.run();
    generator.reset();
    loop.restart();
    loop.run();
    CHECK(on_strand);
}

TEST_CASE("A suspended generator does not keep its loop from running out of work") {
    asio::io_context loop;
    auto generator = count_to(2);
    asio::co_spawn(
        asio::require(loop.get_executor(), asio::execution::outstanding_work.tracked),
        generator.anext(), asio::detached);
    loop.run_for(10s);
    CHECK(loop.stopped());
}

TEST_CASE("A context that is destroyed ends the generators that were started on it") {
    Farewell::Note note;
    auto generator = count_and_say_farewell(Farewell(note));
    {
        asio::io_context loop;
        run_on(loop, [&]() -> asio::awaitable<void> { co_await generator.anext(); });
        CHECK(note.count == 0);
    }
    CHECK(note.count == 1);
    CHECK(next_of(generator) == std::nullopt);
}

TEST_CASE("A clean-up that was posted, but never ran, is done when the context is destroyed") {
    Farewell::Note note;
    {
        asio::io_context loop;
        auto generator = count_and_say_farewell(Farewell(note));
        run_on(loop, [&]() -> asio::awaitable<void> { co_await generator.anext(); });
        {
            auto const destroyed = std::move(generator);
        }
        CHECK(note.count == 0);
    }
    CHECK(note.count == 1);
}

AsyncGenerator<int> hold_a_strand(asio::any_io_executor /*strand*/) {
    co_yield 1;
}

TEST_CASE("A generator may outlive the context of the strand that it ran on") {
    std::optional<AsyncGenerator<int>> generator;
    {
        asio::io_context loop;
        asio::any_io_executor const strand = asio::make_strand(loop);
        generator = hold_a_strand(strand);
        asio::co_spawn(strand, generator->anext(), asio::detached);
        loop.run();
    }
    generator.reset();
    SUCCEED("no access to the context");
}

AsyncGenerator<int> wait_and_say_farewell(Farewell farewell) {
    Farewell const local(std::move(farewell));
    co_await wait_for_ever();
    co_yield 1;
}

TEST_CASE("A task that is destroyed while the body waits takes the body with it") {
    Farewell::Note note;
    auto generator = wait_and_say_farewell(Farewell(note));
    {
        asio::io_context loop;
        asio::co_spawn(loop, generator.anext(), asio::detached);
        loop.poll();
        CHECK(note.count == 0);
    }
    CHECK(note.count == 1);
    CHECK(next_of(generator) == std::nullopt);
}

class LogAtEnd {
public:
    LogAtEnd(std::vector<std::string>& log, std::string entry)
        : log_(&log), entry_(std::move(entry)) {}
    LogAtEnd(LogAtEnd const&) = delete;
    LogAtEnd& operator=(LogAtEnd const&) = delete;
    ~LogAtEnd() { log_->push_back(entry_); }

private:
    std::vector<std::string>* log_;
    std::string entry_;
};

asio::awaitable<void> wait_and_log(std::vector<std::string>& log) {
    LogAtEnd const end(log, "awaited");
    co_await wait_for_ever();
}

AsyncGenerator<int> await_and_log(std::vector<std::string>& log) {
    LogAtEnd const end(log, "body");
    co_await wait_and_log(log);
    co_yield 1;
}

TEST_CASE(
    "A task that is destroyed while the body waits unwinds what it waits for before the body") {
    std::vector<std::string> log;
    auto generator = await_and_log(log);
    {
        asio::io_context loop;
        asio::co_spawn(loop, generator.anext(), asio::detached);
        loop.poll();
    }
    CHECK(log == std::vector<std::string>{"awaited", "body"});
}

TEST_CASE("Destroyed while an anext() is in progress, a generator ends after that item") {
    Farewell::Note note;
    auto const wait_with = [](Farewell /*farewell*/) -> AsyncGenerator<int> {
        co_await yield_to_others();
        co_yield 1;
    };
    std::optional generator(wait_with(Farewell(note)));
    std::optional<int> item;
    run([&]() -> asio::awaitable<void> { item = co_await generator->anext(); },
        [&]() -> asio::awaitable<void> {
            generator.reset();
            CHECK(note.count == 0);
            co_return;
        });
    CHECK(item == 1);
    CHECK(note.count == 1);
}

AsyncGenerator<int> inner_generator(std::vector<std::string>& log) {
    LogAtEnd const end(log, "inner");
    co_yield 1;
}

AsyncGenerator<int> outer_generator(std::vector<std::string>& log) {
    auto inner = inner_generator(log);
    LogAtEnd const end(log, "outer");
    while (auto item = co_await inner.anext())
        co_yield *item;
}

TEST_CASE("A context that is destroyed ends an inner generator before the one that consumes it") {
    std::vector<std::string> log;
    auto generator = outer_generator(log);
    {
        asio::io_context loop;
        run_on(loop, [&]() -> asio::awaitable<void> { co_await generator.anext(); });
    }
    CHECK(log == std::vector<std::string>{"inner", "outer"});
}

AsyncGenerator<int> hold_older(AsyncGenerator<int> older, std::vector<std::string>& log) {
    LogAtEnd const end(log, "holder");
    auto const held = std::move(older);
    co_yield 1;
}

TEST_CASE("A context that is destroyed ends an older generator where its holder's frame has it") {
    std::vector<std::string> log;
    auto older = inner_generator(log);
    std::optional<AsyncGenerator<int>> holder;
    {
        asio::io_context loop;
        run_on(loop, [&]() -> asio::awaitable<void> {
            co_await older.anext();
            holder = hold_older(std::move(older), log);
            co_await holder->anext();
        });
    }
    CHECK(log == std::vector<std::string>{"inner", "holder"});
}

TEST_CASE("A generator that is destroyed with the generators it holds cleans up all of them") {
    std::vector<std::string> log;
    run([&]() -> asio::awaitable<void> {
        auto generator = outer_generator(log);
        co_await generator.anext();
    });
    CHECK(log == std::vector<std::string>{"outer", "inner"});
}

TEST_CASE("A generator may be destroyed while its context is being destroyed on another thread") {
    for (int i = 0; i < 2'000; ++i) {
        Farewell::Note note;
        auto loop = std::make_unique<asio::io_context>();
        std::optional generator(count_and_say_farewell(Farewell(note)));
        run_on(*loop, [&]() -> asio::awaitable<void> { co_await generator->anext(); });
        std::latch both(2);
        std::thread destroyer([&] {
            both.arrive_and_wait();
            generator.reset();
        });
        both.arrive_and_wait();
        loop.reset();
        destroyer.join();
        REQUIRE(note.count == 1);
    }
}

TEST_CASE("A generator may be destroyed on another thread just after its anext()") {
    LoopThread loop;
    std::vector<Farewell::Note> notes(2'000);
    for (auto& note : notes) {
        auto generator = count_and_say_farewell(Farewell(note));
        loop.run(generator.anext());
    }
    auto const loop_id = loop.id();
    loop.join();
    for (auto const& note : notes) {
        REQUIRE(note.count == 1);
        REQUIRE(note.thread == loop_id);
    }
}

}  // namespace

// wrap_context and enter_context with a stop token: it ends the entering, and leaves an open context alone.
#include "support/catch.hpp"
#include "support/contexts.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/context_guard.hpp>
#include <syncopate/error.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>

#include <stop_token>
#include <thread>
#include <utility>

namespace {

namespace asio = boost::asio;
using support::code_of;
using support::Entries;
using support::EveryLoop;
using support::Gate;
using support::Journal;
using support::NotedContext;
using syncopate::Errc;
using syncopate::ThreadRunner;

LOOP_TEST_CASE("A stop request ends the entering of a context with Errc::cancelled", EveryLoop) {
    bool const in_stack = GENERATE(false, true);
    CAPTURE(in_stack);
    Gate entering;
    Journal journal;
    std::stop_source source;
    support::AnyLoop loop;
    auto const enter = [&] {
        NotedContext context(journal, "a", [&] { return support::forever(entering); });
        if (in_stack)
            loop.runner.enter_context(std::move(context), source.get_token());
        else
            static_cast<void>(loop.runner.wrap_context(std::move(context), source.get_token()));
    };
    std::jthread const stopper([&] {
        entering.wait();
        source.request_stop();
    });
    CHECK(code_of(enter) == Errc::cancelled);
    loop.runner.close();
    CHECK(journal.entries() == Entries{"enter a"});
}

LOOP_TEST_CASE("A stop request ends the making of a context, too", EveryLoop) {
    Gate making;
    Journal journal;
    std::stop_source source;
    support::AnyLoop loop;
    auto const make = [&]() -> asio::awaitable<NotedContext> {
        co_await support::forever(making);
        co_return NotedContext(journal, "a");
    };
    std::jthread const stopper([&] {
        making.wait();
        source.request_stop();
    });
    CHECK(code_of([&] {
              static_cast<void>(loop.runner.wrap_context(make, source.get_token()));
          }) == Errc::cancelled);
    CHECK(journal.entries().empty());
}

LOOP_TEST_CASE("A context is not entered after a stop request", EveryLoop) {
    Journal journal;
    std::stop_source source;
    source.request_stop();
    support::AnyLoop loop;
    NotedContext context(journal, "a");
    CHECK(code_of([&] {
              static_cast<void>(loop.runner.wrap_context(context, source.get_token()));
          }) == Errc::cancelled);
    CHECK(code_of([&] {
              loop.runner.enter_context(context, source.get_token());
          }) == Errc::cancelled);
    CHECK(journal.entries().empty());
}

LOOP_TEST_CASE("A stop request leaves a context that has been entered alone", EveryLoop) {
    Journal journal;
    std::stop_source source;
    support::AnyLoop loop;
    loop.runner.enter_context(NotedContext(journal, "a"), source.get_token());
    {
        auto const guard = loop.runner.wrap_context(NotedContext(journal, "b"), source.get_token());
        source.request_stop();
        loop.runner.run(support::twice_later(1));
        CHECK(guard->name() == "b");
        CHECK(journal.entries() == Entries{"enter a", "enter b"});
    }
    loop.runner.close();
    CHECK(journal.entries() == Entries{"enter a", "enter b", "exit b: nothing", "exit a: nothing"});
}

// The request arrives on the loop when the context has just been entered, and is about to be left.
LOOP_TEST_CASE(
    "A stop request during the last step of entering cancels neither it nor the exit", EveryLoop) {
    Journal journal;
    std::stop_source source;
    support::AnyLoop loop;
    auto const request = [&]() -> asio::awaitable<void> {
        source.request_stop();
        co_return;
    };
    auto const wait = [&] { return support::twice_later(1); };
    {
        auto const guard = loop.runner.wrap_context(
            NotedContext(
                journal, "a", request,
                [&]() -> asio::awaitable<void> {
                    co_await wait();
                    journal.add("has waited");
                }),
            source.get_token());
        CHECK(guard->name() == "a");
    }
    CHECK(journal.entries() == Entries{"enter a", "exit a: nothing", "has waited"});
}

}  // namespace

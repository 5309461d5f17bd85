// The names that the fragments of the pages use without saying where they come from. They are compiled only, so
// nothing here needs a body.
#include <syncopate/fiber.hpp>
#include <syncopate/guest_runner.hpp>
#include <syncopate/syncopate.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <chrono>
#include <coroutine>
#include <cstdlib>
#include <functional>
#include <future>
#include <iostream>
#include <memory>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <unistd.h>

namespace asio = boost::asio;
using namespace syncopate;
using namespace std::chrono_literals;

// What runs.
extern ThreadRunner runner;
extern asio::io_context loop;
extern asio::steady_timer timer;
extern std::stop_source stop_source;

// What there is to do.
asio::awaitable<int> fetch(int id);
asio::awaitable<int> work();
asio::awaitable<void> refresh();
asio::awaitable<void> serve(Ready<int> ready);
int compute();
template <class... Ts>
void use(Ts const&... things);

// What another library's coroutines await.
struct Answer {
    bool await_ready() const;
    void await_suspend(std::coroutine_handle<> waiting);
    int await_resume() const;
};

// A database: sessions, transactions, and rows that come one by one; and its blocking cousin.
struct Row {
    int id;
};
struct Transaction {
    asio::awaitable<void> aenter();
    asio::awaitable<bool> aexit(std::exception_ptr error);
    void insert(Row const& row);
};
struct Session {
    asio::awaitable<void> aenter();
    asio::awaitable<void> aexit(std::exception_ptr error);
    Transaction begin();
    asio::awaitable<int> query(std::string text);
};
asio::awaitable<Session> connect(std::string host);
extern Session session;
AsyncGenerator<Row> rows();
Row query(int id);
extern int id;
extern Row row;
void post_to_window(std::function<void()> function);
struct Bar {
    void advance();
};
extern Bar bar;
